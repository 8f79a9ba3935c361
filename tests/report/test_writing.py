"""Every kind of scene has a report, and what can't be reported is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from landslide_cli.model.card import ModelCard
from tests.conftest import TRANSFORM, UTM, MakeScene, first_band, go, noise
from tests.report.conftest import data_of, grey, picture, report, unpacked


def test_scenes_without_crs_and_at_the_pole_are_shown_in_their_own_pixels(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    cases = (("none", None, TRANSFORM), ("pole", "EPSG:3995", Affine(500, 0, -80_000, 0, -500, 80_000)))
    for name, crs, transform in cases:
        image = grey(300, 360)
        scene = make_scene(image, name=f"{name}.tif", crs=crs, transform=transform)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *_, **__: None)
            go(scene, replace(card, resolution_m=(0.1, 1000.0)), first_band())
        page = tmp_path / f"{name}.html"
        result = report(scene.with_suffix(".gpkg"), "--scene", scene, "-o", page, "-q")
        assert result.exit_code == 0, result.output
        data = data_of(page)
        assert not data["frame"]["mercator"]
        assert data["frame"]["box"] == [0, 0, 360 * 8, 300 * 8]
        deepest = data["rasters"][0]["deepest"]
        assert deepest == 0
        shown = picture(data["rasters"][0]["images"]["0/0/0"])
        np.testing.assert_allclose(shown[0].astype(int), image[0, :256, :256], atol=16)
        landslides = geopandas.read_file(scene.with_suffix(".gpkg"), layer="landslides")
        inside = ~transform @ (landslides.total_bounds[0], landslides.total_bounds[3])
        left, top = shapely.union_all([unpacked(rings) for rings in data["shapes"]]).bounds[:2]
        assert (left / 8, top / 8) == pytest.approx(inside, abs=0.1)
        assert "in the scene&#x27;s own pixels" in page.read_text()


def test_what_cannot_be_reported_is_refused_in_one_line(
    results: tuple[Path, Path, Path], make_scene: MakeScene, tmp_path: Path
) -> None:
    scene, inventory, probability = results
    elsewhere = make_scene(noise(3, 50, 50), name="far.tif", transform=TRANSFORM @ Affine.translation(9000, 9000))
    nowhere = make_scene(noise(3, 300, 360), name="nowhere.tif", crs=None)
    lines = tmp_path / "lines.gpkg"
    geopandas.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=UTM).to_file(lines)
    out = tmp_path / "r.html"
    cases = [
        ([inventory, "--scene", scene, "-o", tmp_path / "r.pdf"], "let the name end in .html"),
        ([inventory, "--scene", scene, "-o", out, "--png", tmp_path / "a.jpg"], "let the name end in .png"),
        ([inventory, "--scene", elsewhere, "-o", out], "no landslide of the inventory lies on far.tif.*scene.tif"),
        ([inventory, "--scene", nowhere, "-o", out], "nowhere.tif has no coordinate reference system"),
        ([scene, "--scene", scene, "-o", out], "can't be read as an inventory"),
        ([lines, "--scene", scene, "-o", out], "holds no polygons"),
        ([inventory, "--scene", tmp_path / "no.tif", "-o", out], "can't be opened as a raster"),
        ([inventory, "--scene", elsewhere, "--probability", probability, "-o", out], "no landslide"),
        ([inventory, "--scene", scene, "--probability", scene, "-o", out], "is no probability raster"),
    ]
    for words, message in cases:
        result = report(*words, "-q")
        assert result.exit_code == 1, result.output
        assert re.search(message, result.stderr), result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    out.write_text("mine")
    assert "--overwrite" in report(inventory, "--scene", scene, "-o", out).stderr
    assert out.read_text() == "mine"
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".part")]


def test_a_probability_of_another_grid_is_refused(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    scene, inventory, _ = results
    other = tmp_path / "other.tif"
    with rasterio.open(other, "w", driver="GTiff", width=9, height=9, count=1, dtype="float32", crs=UTM,
                       transform=TRANSFORM) as dst:  # fmt: skip
        dst.write(np.zeros((1, 9, 9), np.float32))
    result = report(inventory, "--scene", scene, "--probability", other, "-o", tmp_path / "r.html")
    assert "other.tif is 9 x 9 pixels, scene.tif is " in result.stderr


def test_an_inventory_without_landslides_has_a_report(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    scene = make_scene(np.zeros((3, 300, 300), np.uint8))
    go(scene, card, first_band())
    pytest.importorskip("matplotlib")
    result = report(
        scene.with_suffix(".gpkg"), "--scene", scene, "-o", tmp_path / "r.html", "--png", tmp_path / "r.png"
    )
    assert result.exit_code == 0, result.output
    assert "0 landslides" in result.stdout
    assert data_of(tmp_path / "r.html")["shapes"] == []
    assert (tmp_path / "r.png").exists()


@pytest.mark.filterwarnings("error")
def test_degrees_across_the_antimeridian_are_reported_without_a_warning(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    transform = Affine(1e-5, 0, 179.998, 0, -1e-5, 10)
    scene = make_scene(grey(300, 360), crs="EPSG:4326", transform=transform)
    go(scene, card, first_band())
    result = report(scene.with_suffix(".gpkg"), "--scene", scene, "-o", tmp_path / "r.html", "-q")
    assert result.exit_code == 0, result.output
    data = data_of(tmp_path / "r.html")
    left, _, right, _ = shapely.union_all([unpacked(rings) for rings in data["shapes"]]).bounds
    assert 0 <= left < right <= data["frame"]["box"][2] - data["frame"]["box"][0] + 8
    assert "100.0% of the scene was analysed" in (tmp_path / "r.html").read_text()


def test_other_formats_and_grey_scenes_are_read(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    scene = make_scene(grey(300, 360))
    go(scene, card, first_band(), ending=".geojson")
    one_band = make_scene(grey(300, 360)[:1], name="grey.tif")
    assert report(scene.with_suffix(".geojson"), "--scene", one_band, "-o", tmp_path / "r.html").exit_code == 0
    text = (tmp_path / "r.html").read_text()
    assert "The inventory doesn&#x27;t tell what was analysed" in text
    assert data_of(tmp_path / "r.html")["analysed"] is None


@pytest.mark.slow
def test_memory_does_not_grow_with_the_scene(make_scene: MakeScene, tmp_path: Path) -> None:
    used = []
    code = (
        "import resource, sys; from landslide_cli.report.writing import write_report as go\n"
        "go(sys.argv[1], sys.argv[2], scene=sys.argv[3], imagery_mb=1)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    for height in (2000, 24_000):
        path = tmp_path / f"{height}.tif"
        strip = np.tile(noise(3, 250, 250), (1, 1, 16))
        with rasterio.open(path, "w", driver="GTiff", width=4000, height=height, count=3, dtype="uint8", crs=UTM,
                           transform=TRANSFORM, compress="deflate", zlevel=1) as dst:  # fmt: skip
            for top in range(0, height, 250):
                dst.write(strip, window=rasterio.windows.Window(0, top, 4000, 250))
        slides = geopandas.GeoDataFrame(geometry=[shapely.box(500_100, 2_949_000, 500_200, 2_949_100)], crs=UTM)
        slides.to_file(tmp_path / "slides.gpkg", layer="landslides")
        command = [sys.executable, "-c", code, tmp_path / "slides.gpkg", tmp_path / f"{height}.html", path]
        used.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    # The taller one holds 264 MB more; the cache of blocks may fill.
    assert used[1] < used[0] + 150
