"""The report of an inventory of several scenes, over one of them or over a mosaic."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from landslide_cli import merge
from landslide_cli.inventory.read import read_layers
from landslide_cli.model.card import ModelCard
from landslide_cli.report.facts import hectares
from landslide_cli.report.sight import coverage, seen_on
from landslide_cli.report.writing import Report, write_report
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, MakeScene, first_band, go
from tests.report.conftest import data_of, grey, laid_out, unpacked

SIZE, SHIFT = 300, 200  # of a scene, and from one to the next: they share a third


@pytest.fixture
def strip(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> tuple[list[Path], Path, Path]:
    """Three scenes side by side that overlap, their merged inventory, and a mosaic of them."""
    whole = grey(SIZE, SIZE + 2 * SHIFT).clip(1)
    scenes, inventories = [], []
    for number in range(3):
        part = np.ascontiguousarray(whole[:, :, number * SHIFT : number * SHIFT + SIZE])
        transform = TRANSFORM @ Affine.translation(number * SHIFT, 0)
        scenes.append(make_scene(part, name=f"{'abc'[number]}.tif", transform=transform))
        go(scenes[-1], card, first_band(), threshold=(0.5, 0.5, 0.6)[number])
        inventories.append(scenes[-1].with_suffix(".gpkg"))
    merged = tmp_path / "all.gpkg"
    merge(inventories, merged)
    return scenes, merged, make_scene(whole, name="mosaic.tif")


def reported(inventory: Path, scene: Path) -> tuple[Report, str, Any]:
    out = inventory.with_name("r.html")
    made = write_report(inventory, out, scene=scene, overwrite=True)
    words = unescape(re.sub("<[^>]+>", " ", out.read_text().split("<script")[0])).split()
    return made, " ".join(words), data_of(out)


def test_over_one_scene_what_lies_there_counts_and_nothing_else(strip: tuple[list[Path], Path, Path]) -> None:
    scenes, merged, _ = strip
    every = geopandas.read_file(merged, layer="landslides")
    for scene in scenes:
        with rasterio.open(scene) as src:
            box = shapely.box(*src.bounds)
        here = every[shapely.area(shapely.intersection(every.geometry.to_numpy(), box)) > 1]
        made, text, data = reported(merged, scene)
        assert made.landslides == len(here) > 3
        assert made.elsewhere == len(every) - len(here) > 3
        assert made.area_m2 == pytest.approx(here["area_m2"].sum(), abs=0.1)
        parts = shapely.area(shapely.intersection(here.geometry.to_numpy(), box)).sum() / box.area
        assert f"Of the analysed area {parts:.2%}" in text
        assert sorted(data["values"][0]) == sorted(here["id"])
        assert f"{len(here)} of its {len(every)} polygons lie on this scene" in text
        assert "100.0% of the scene was analysed" in text
        area = hectares((SIZE * TRANSFORM.a) ** 2 * 1.0)  # the plane of UTM is the ground within some 1e-3
        units = re.search(r"analysed, ([0-9.]+) (\S+) of ([0-9.]+) (\S+)\.", text)
        assert units
        assert units[2] == units[4] == area.split()[1]
        assert units[1] == units[3]


def test_all_scenes_are_named_with_what_they_covered_and_what_they_differ_in(
    strip: tuple[list[Path], Path, Path],
) -> None:
    scenes, merged, _ = strip
    _, text, _ = reported(merged, scenes[1])
    assert "One inventory of 3 scenes." in text
    assert "Scenes of the inventory (3) a.tif, b.tif, c.tif" in text
    assert re.search(r"a\.tif \(33\.\d%\), b\.tif \(100\.0%\), c\.tif \(33\.\d%\)", text)
    assert "Threshold: 0.6 (c.tif)" in text
    _, text, _ = reported(merged, scenes[2])
    assert "Threshold: 0.5 (a.tif, b.tif)" in text


def test_what_two_scenes_cover_is_not_hatched(strip: tuple[list[Path], Path, Path]) -> None:
    scenes, merged, mosaic = strip
    # Also where somebody put the outlines of all scenes into one layer, as they are.
    footprints = geopandas.read_file(merged, layer="footprints")
    footprints.to_file(merged, layer="analysed", driver="GPKG")
    for scene in (scenes[1], mosaic):
        _, text, data = reported(merged, scene)
        assert "100.0% of the scene was analysed" in text
        outline, analysed = (data[name] for name in ("outline", "analysed"))
        # Drawn as all rings together, of which an odd number surrounds a place.
        hatched = unpacked([ring for shape in [*outline, *analysed] for ring in shape])
        assert hatched.area < 0.01 * unpacked(outline[0]).area


def test_a_scene_of_which_it_holds_only_a_part_is_said(
    strip: tuple[list[Path], Path, Path], make_scene: MakeScene
) -> None:
    _, merged, mosaic = strip
    made, text, _ = reported(merged, mosaic)
    assert made.elsewhere == 0
    assert "holds only a part" not in text
    wide = grey(SIZE, 2 * (SIZE + 2 * SHIFT)).clip(1)
    _, text, _ = reported(merged, make_scene(wide, name="wide.tif"))
    assert "50.0% of the scene was analysed" in text
    assert "The inventory holds only a part of this scene" in text
    assert "it lay outside what was merged" in text
    # It is no scene of the inventory, so what its scenes share is told, and what they don't by scene.
    assert "0.5 (a.tif, b.tif); 0.6 (c.tif)" in text


def test_areas_are_told_of_the_scene_and_not_of_all(strip: tuple[list[Path], Path, Path]) -> None:
    scenes, merged, _ = strip
    read = read_layers(merged, "a.tif")
    assert read.run["scene"] == "a.tif"
    assert read.scenes == ("a.tif", "b.tif", "c.tif")
    with open_scene(scenes[0], wanted=("red", "green", "blue")) as opened:
        covered = coverage(opened, read, 1.0)
    assert covered.analysed_m2 == pytest.approx(covered.scene_m2, rel=1e-6)
    sight = seen_on(read, laid_out(scenes[0]))
    assert len(sight.placed) == len(sight.inventory.landslides)
