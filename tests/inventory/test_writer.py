"""What an inventory holds, with landslides and without."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas
import pyogrio
import pytest
import rasterio

from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.inventory import slope
from landslide_cli.inventory.attributes import FIELDS, OF_BEFORE, SHORT_NAMES
from landslide_cli.inventory.provenance import FROM_TAGS, NUMBERS
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import UTM, MakeScene, blobs, constant, first_band, go, noise


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_every_format_and_an_empty_result(make_scene: MakeScene, card: ModelCard, ending: str, value: float) -> None:
    summary, slides, _, _ = go(make_scene(noise(3, 90, 80)), card, constant(value), ending=ending)
    assert summary.landslides == len(slides) == value
    assert summary.area_m2 == pytest.approx(value * 90 * 80 * 0.64 / 0.9996**2, rel=1e-4)
    short = SHORT_NAMES if ending == ".shp" else {}
    absent = {"prob_spread", *OF_BEFORE, *slope.FIELDS, "h_over_l", "h_l_angle_deg"}
    expected = {"geometry", *(short.get(name, name) for name in FIELDS if name not in absent)}
    # GeoJSON has no fields where it has no features.
    assert set(slides.columns) == ({"geometry"} if ending == ".geojson" and not value else expected)


def test_the_spatial_index_still_follows_edits(make_scene: MakeScene, card: ModelCard) -> None:
    """Neighbours are filled in behind GDAL's back; afterwards its index must work, and go on to."""
    path = make_scene(blobs(300, 300))
    _, slides, _, _ = go(path, card, first_band())
    assert slides["nearest_m"].notna().all()
    out = path.with_suffix(".gpkg")
    with sqlite3.connect(out) as file:
        made = file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'landslides'")
        layers = {name.removesuffix(end) for (name,) in made for end in ("_insert", "_delete") if name.endswith(end)}
    assert "rtree_landslides_geom" in layers
    box = slides.geometry.iloc[2].bounds
    assert slides["id"].iloc[2] in geopandas.read_file(out, layer="landslides", bbox=box)["id"].tolist()
    moved = slides.iloc[[2]].set_geometry(slides.geometry.iloc[[2]].translate(5000, 0))
    moved.to_file(out, layer="landslides", mode="a")
    assert len(geopandas.read_file(out, layer="landslides", bbox=tuple(moved.total_bounds))) == 1


COMMAND = "landslide detect 'a b.tif'"


@pytest.fixture
def written(make_scene: MakeScene, card: ModelCard) -> Path:
    """A GeoPackage of a scene with nodata inside and a collar; its probability is beside it."""
    pixels = blobs(300, 320)
    pixels[:, 40:60, 100:200] = 0
    pixels[:, :, :30] = 0
    path = make_scene(pixels, nodata=0)
    outputs = Outputs(path.with_suffix(".gpkg"), path.with_name("prob.tif"), command=COMMAND)
    with open_scene(path, wanted=card.bands) as scene:
        run(make_plan(scene, card), first_band(), outputs)
    return outputs.inventory


def test_the_layers_of_a_geopackage(written: Path) -> None:
    layers = [["landslides", "Polygon"], ["analysed", "Polygon"], ["runs", None], ["layer_styles", None]]
    assert pyogrio.list_layers(written).tolist() == layers


def test_analysed_tells_its_holes_and_the_resolution(written: Path) -> None:
    analysed = geopandas.read_file(written, layer="analysed")
    assert list(analysed.columns) == ["area_m2", "nodata_share", "resolution_m", "scene", "geometry"]
    assert analysed["nodata_share"].tolist() == [round(20 * 100 / (300 * 290), 4)]
    assert analysed["resolution_m"].iloc[0] == pytest.approx(0.8, rel=1e-3)


def test_runs_repeats_the_provenance_of_file_and_raster(written: Path) -> None:
    table = pyogrio.read_dataframe(written, layer="runs")
    (row,) = table.to_dict("records")
    metadata = pyogrio.read_info(written, layer="landslides")["dataset_metadata"]
    with rasterio.open(written.with_name("prob.tif")) as src:
        tags = src.tags()
    for column, tag in FROM_TAGS.items():
        if tag in metadata:
            told = float(tags[tag]) if column in NUMBERS else tags[tag]
            assert (row[column], metadata[tag]) == (told, tags[tag]), column
        else:
            assert table[column].isna().all()


def test_runs_tells_scene_command_and_engine(written: Path) -> None:
    (row,) = pyogrio.read_dataframe(written, layer="runs").to_dict("records")
    assert (row["width"], row["height"], row["crs"], row["scene"]) == (320, 300, UTM, "scene.tif")
    assert (row["command"], row["device"], row["precision"]) == (COMMAND, "cpu", "float32")


def test_runs_tells_when_it_began_and_ended(written: Path) -> None:
    (row,) = pyogrio.read_dataframe(written, layer="runs").to_dict("records")
    assert row["started"] <= row["ended"] <= datetime.now(UTC)
    assert datetime.now(UTC) - row["started"] < timedelta(minutes=5)


def test_a_geopackage_is_of_version_1_2_and_holds_metadata(written: Path) -> None:
    with sqlite3.connect(written) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (10200,)
        kept = file.execute("SELECT metadata FROM gpkg_metadata").fetchall()
    assert any("LANDSLIDE_WEIGHTS_SHA256" in text for (text,) in kept)
