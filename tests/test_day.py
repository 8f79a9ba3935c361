"""A mapper's day on a pair of scenes whose truth is known: new slides, reviewed, measured, reported, taught."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.model.card import read_card
from landslide_cli.scene.vectors import read_layer
from tests.conftest import TRANSFORM, UTM, MakeScene
from tests.golden import write_stand_in

SHAPE = (3, 256, 320)
# Rows and columns of what is bright: a scar of long ago, fresh scars, a quarry that is taken for one.
OLD = (slice(30, 60), slice(40, 80))
FRESH = (slice(100, 140), slice(60, 100)), (slice(40, 70), slice(200, 260)), (slice(180, 220), slice(230, 270))
QUARRY = (slice(190, 230), slice(60, 110))
# The same in the next valley, which nobody has reviewed.
FURTHER = (slice(20, 60), slice(20, 70)), (slice(150, 190), slice(150, 220)), (slice(60, 100), slice(240, 280))
QUARRIES = (slice(200, 240), slice(20, 70)), (slice(100, 140), slice(90, 130)), (slice(200, 230), slice(250, 300))
# A quarry is less bright than a scar; the stand-in takes both for landslides.
DARK, DULL, BRIGHT = 90, 170, 250


def image(scars: Iterable[tuple[slice, slice]], quarries: Iterable[tuple[slice, slice]]) -> np.ndarray[Any, Any]:
    pixels = np.full(SHAPE, DARK, np.uint8)
    for places, value in ((scars, BRIGHT), (quarries, DULL)):
        for rows, cols in places:
            pixels[:, rows, cols] = value
    return pixels


def on_map(place: tuple[slice, slice]) -> shapely.Polygon:
    rows, cols = place
    box = shapely.box(cols.start, rows.start, cols.stop, rows.stop)
    return shapely.transform(box, lambda x, y: TRANSFORM @ (x, y), interleaved=False)


def run(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow
def test_a_day_of_a_mapper(make_scene: MakeScene, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    before = make_scene(image([OLD], [QUARRY]), name="before.tif")
    after = make_scene(image([OLD, *FRESH], [QUARRY]), name="after.tif")
    model, slides = tmp_path / "stand-in.safetensors", tmp_path / "slides.gpkg"
    write_stand_in(model)
    network = ("--model", model, "--engine", "torch", "--device", "cpu", "--precision", "float32")

    # Before and after: the fresh scars are new, the old one and the quarry were there.
    told = json.loads(run("detect", after, "--before", before, "-o", slides, "--json", *network))
    assert (told["landslides"], told["new"], told["old"], told["unseen"]) == (5, 3, 2, 0)
    found = read_layer(slides, "landslides")
    fresh = shapely.union_all([on_map(place) for place in FRESH])
    assert shapely.union_all(found[found["new"] == 1].geometry).symmetric_difference(fresh).area < 0.15 * fresh.area

    # Review: the quarry is none, the others are; one that the network outlined is drawn smaller by hand.
    at = {
        name: found.index[found.intersects(on_map(place).centroid)][0]
        for name, place in (("quarry", QUARRY), ("old", OLD))
    }
    decisions = pd.DataFrame({"id": found["id"], "status": "landslide", "reviewer": "Ana"})
    decisions.loc[decisions["id"] == found.loc[at["quarry"], "id"], "status"] = "not_landslide"
    decisions.to_csv(tmp_path / "decisions.csv", index=False)
    run("measure", slides, "--decisions", tmp_path / "decisions.csv")
    reviewed = read_layer(slides, "landslides")
    assert reviewed["status"].value_counts().to_dict() == {"landslide": 4, "not_landslide": 1}
    half = shapely.box(*shapely.affinity.scale(on_map(OLD), 0.5, 0.5).bounds)
    reviewed.loc[reviewed["id"] == found.loc[at["old"], "id"], reviewed.geometry.name] = half
    edited = tmp_path / "edited.gpkg"
    reviewed.to_file(edited, layer="landslides")

    # Measured again: the reshaped one has its new area, and what was written stays.
    assert "1 reshaped" in run("measure", edited)
    measured = read_layer(edited, "landslides").set_index("id")
    assert measured.loc[found.loc[at["old"], "id"], "area_m2"] == pytest.approx(half.area, rel=2e-3)
    assert (measured["reviewer"] == "Ana").all()

    # Changes since an inventory of yesterday that knew the old scar alone.
    known = geopandas.GeoDataFrame(geometry=[on_map(OLD)], crs=UTM)
    known.to_file(tmp_path / "known.gpkg")
    changes = json.loads(run("changes", tmp_path / "known.gpkg", slides, "-o", tmp_path / "changes.gpkg", "--json"))
    counts = {row["change"]: row["landslides"] for row in changes["classes"]}
    # Four that nobody rejected, one of which was known.
    assert counts == {"new": 3, "grown": 0, "known": 1, "shrunk": 0, "gone": 0, "not analysed": 0}

    # The report counts what nobody rejected.
    report = json.loads(run("report", slides, "--scene", after, "-o", tmp_path / "report.html", "--json"))
    assert report["landslides"] == 4

    # Taught: what was rejected becomes chips of its own, and the taught model is the start's child.
    checked = geopandas.GeoDataFrame(geometry=[on_map((slice(0, 256), slice(0, 320)))], crs=UTM)
    checked.to_file(tmp_path / "checked.gpkg")
    told = run(
        "chips", after, "--labels", slides, "--aoi", tmp_path / "checked.gpkg", "--size", 64, "--block", 1, "-o",
        tmp_path / "chips",
    )  # fmt: skip
    assert "1 not_landslide" in told
    taught = tmp_path / "taught.safetensors"
    run(
        "train", "--chips", tmp_path / "chips", "--start", model, "--steps", 30, "-o", taught,
        "--run-dir", tmp_path / "run",
    )  # fmt: skip
    start, child = read_card(model.with_suffix(".json")), read_card(taught.with_suffix(".json"))
    assert (child.network, child.resolution_m) == (start.network, start.resolution_m)

    # Better where nobody has corrected anything: quarries are left out there as well, and every landslide is found.
    rest, truth = make_scene(image(FURTHER, QUARRIES), name="rest.tif"), tmp_path / "truth.gpkg"
    geopandas.GeoDataFrame(geometry=[on_map(place) for place in FURTHER], crs=UTM).to_file(truth)
    judged = {}
    for weights in (model, taught):
        out = tmp_path / f"{weights.stem}.gpkg"
        run("detect", rest, "-o", out, "--model", weights, *network[2:])
        told = json.loads(run("evaluate", out, "--reference", truth, "--scene", rest, "--json"))["all"]
        judged[weights] = (told["objects"]["found"], told["pooled"]["recall"], told["pooled"]["f1"])
    scars, quarries = (sum(on_map(place).area for place in places) for places in (FURTHER, QUARRIES))
    assert judged[model] == (6, 1, pytest.approx(2 * scars / (2 * scars + quarries), abs=0.005))
    assert judged[taught] == (3, pytest.approx(1, abs=0.02), pytest.approx(1, abs=0.02))
