"""The report, short of a browser: where tiles lie, what they show, what is counted, what is refused."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from scipy.integrate import quad

from landslide_cli.cli import main
from landslide_cli.demo import make_demo_scene
from landslide_cli.model.card import ModelCard
from landslide_cli.report.frame import Frame, frame_of
from landslide_cli.report.imagery import probability_imagery, scene_imagery
from landslide_cli.report.outlines import outlines
from landslide_cli.report.sizes import general_density, sizes_of
from landslide_cli.report.tiles import Level, Tiles, halved, make_tiles
from landslide_cli.report.writing import RGB, write_report
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, first_band, noise
from tests.test_detection import blobs, go

MakeScene = Callable[..., Path]
BUDGET = 4_000_000
# CRS, upper left corner and pixel: at the equator's side, at 70° north, in degrees, south-up, turned, across 180°.
PLACES = [
    ("EPSG:32648", TRANSFORM),
    ("EPSG:32633", Affine(2, 0, 400_000, 0, -2, 7_767_000)),
    ("EPSG:4326", Affine(1e-5, 0, 105, 0, -1e-5, 26.6)),
    ("EPSG:32719", Affine(1, 0, 300_000, 0, 1, 6_000_000)),
    ("EPSG:32648", TRANSFORM @ Affine.rotation(25)),
    ("EPSG:4326", Affine(1e-5, 0, 179.998, 0, -1e-5, 10)),
    ("EPSG:32660", Affine(1, 0, 829_000, 0, -1, 1_000_000)),
]


def laid_out(path: Path) -> Frame:
    with open_scene(path, wanted=RGB) as scene:
        return frame_of(scene)


def grey(height: int, width: int) -> NDArray[np.uint8]:
    """Smooth random ground in which `first_band` finds landslides."""
    return np.repeat(blobs(height, width)[:1], 3, axis=0)


def picture(uri: str) -> NDArray[np.uint8]:
    """An image of the page as red, green, blue, opacity."""
    import base64

    with MemoryFile(base64.b64decode(uri.split(",")[1])) as file, file.open() as src:
        image = src.read()
    return image if len(image) == 4 else np.concatenate([image, np.full((1, *image.shape[1:]), 255, np.uint8)])


def colour_at(tiles: Tiles, frame: Frame, longitude: float, latitude: float, zoom: int) -> NDArray[np.uint8]:
    """What the page shows at a place, by the arithmetic of slippy maps and not by ours.

    https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames
    """
    x = (longitude + 180) / 360 * 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * 2**zoom
    tile = picture(tiles.images[f"{zoom}/{math.floor(x)}/{math.floor(y)}"])
    return tile[:, int(y % 1 * 256), int(x % 1 * 256)]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("crs", "transform"), PLACES)
def test_a_known_pixel_is_where_it_belongs_at_every_level(make_scene: MakeScene, crs: str, transform: Affine) -> None:
    image = np.full((3, 620, 700), 60, np.uint8)
    image[:, 100:180, 300:380] = np.array([200, 120, 30])[:, None, None]
    path = make_scene(image, crs=crs, transform=transform)
    frame = laid_out(path)
    tiles = make_tiles(scene_imagery(path, (1, 2, 3), (0, 255)), frame, budget=BUDGET)
    assert tiles.deepest == frame.native_zoom
    assert tiles.valid == pytest.approx(1, abs=0.01)
    x, y = transform @ (340, 140)
    longitude, latitude = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    # The map goes on across the antimeridian.
    here = math.degrees(frame.outline.centroid.x / 6378137)
    longitude += 360 * round((here - longitude) / 360)
    assert tiles.shallowest < tiles.deepest
    for zoom in range(tiles.deepest - 1, tiles.deepest + 1):
        np.testing.assert_allclose(colour_at(tiles, frame, longitude, latitude, zoom), [200, 120, 30, 255], atol=8)
    # A landslide is drawn over the same pixel.
    square = shapely.box(300, 100, 380, 180)
    placed = shapely.transform(square, lambda x, y: transform @ (x, y), interleaved=False)
    drawn = outlines(frame.place(np.array([placed]), crs), frame)
    ring = np.array(drawn.shapes[0][0]).reshape(-1, 2).cumsum(axis=0) + drawn.origin
    centre = (ring.min(axis=0) + ring.max(axis=0)) / 2 / 256 / 2**drawn.zoom
    assert centre[0] * 360 - 180 == pytest.approx(longitude, abs=2e-5)
    mercator = math.asinh(math.tan(math.radians(latitude)))
    assert math.pi * (1 - 2 * centre[1]) == pytest.approx(mercator, abs=2e-6)


def test_the_map_has_no_seam_at_the_antimeridian(make_scene: MakeScene) -> None:
    path = make_scene(noise(3, 300, 400), crs="EPSG:4326", transform=Affine(1e-5, 0, 179.998, 0, -1e-5, 10))
    frame = laid_out(path)
    left, _, right, _ = frame.outline.bounds
    assert right - left == pytest.approx(math.radians(400e-5) * 6378137, rel=1e-6)
    beyond = shapely.box(-179.999, 9.998, -179.9985, 9.999)
    x = shapely.bounds(frame.place(np.array([beyond]), 4326)[0])[0]
    assert left < x < right


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_nodata_is_transparent_and_dark_ground_is_not(make_scene: MakeScene) -> None:
    image = np.full((3, 512, 512), 90, np.uint8)
    image[:, :, 256:] = 0
    image[0, 256:, :256] = 0  # one band alone
    path = make_scene(image, nodata=0)
    frame = laid_out(path)
    tiles = make_tiles(scene_imagery(path, (1, 2, 3), (0, 255)), frame, budget=BUDGET)
    there = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True)
    dark, _ = (there.transform(*(TRANSFORM @ place)) for place in ((100, 400), (400, 400)))
    red, *_, opacity = colour_at(tiles, frame, *dark, tiles.deepest).astype(int)
    assert (red < 12, opacity) == (True, 255)
    assert tiles.valid == pytest.approx(0.5, abs=0.01)
    opaque = sum(int((picture(uri)[3] > 0).sum()) for key, uri in tiles.images.items()
                 if key.startswith(f"{tiles.deepest}/"))  # fmt: skip
    area = frame.outline.area / frame.pixel_side(tiles.deepest) ** 2
    assert opaque / area == pytest.approx(0.5, abs=0.01)


@given(st.integers(0, 2**32 - 1))
def test_halving_keeps_the_mean_of_what_can_be_seen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tile = rng.integers(0, 256, (4, 8, 8), dtype=np.uint8)
    tile[3] = rng.choice([0, 255], (8, 8))
    small = halved(tile)
    for row in range(4):
        for col in range(4):
            part = tile[:, 2 * row : 2 * row + 2, 2 * col : 2 * col + 2]
            seen = part[:3, part[3] > 0]
            assert small[3, row, col] == pytest.approx(255 * seen.shape[1] / 4, abs=1)
            if seen.size:
                np.testing.assert_allclose(small[:3, row, col], seen.mean(axis=1), atol=0.51)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("budget", [60_000, 400_000])
def test_the_budget_is_kept_and_used(make_scene: MakeScene, budget: int) -> None:
    path = make_scene(noise(3, 1100, 1500))
    frame = laid_out(path)
    tiles = make_tiles(scene_imagery(path, (1, 2, 3), (0, 255)), frame, budget=budget)
    assert budget / 12 < tiles.size <= budget
    assert tiles.deepest < frame.native_zoom
    zooms = {int(key.split("/")[0]) for key in tiles.images}
    assert zooms == set(range(tiles.shallowest, tiles.deepest + 1))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_overviews_are_read_where_they_are_and_show_the_same(make_scene: MakeScene) -> None:
    image = make_demo_scene(1024, 3)[0].transpose(2, 0, 1)
    plain, reduced = (make_scene(image, name=name, tiled=True) for name in ("a.tif", "b.tif"))
    with rasterio.open(reduced, "r+") as dst:
        dst.build_overviews([2, 4], rasterio.enums.Resampling.average)
    shown = []
    for path in (plain, reduced):
        tiles = make_tiles(scene_imagery(path, (1, 2, 3), (0, 255)), laid_out(path), budget=60_000)
        assert tiles.deepest == laid_out(path).native_zoom - 2
        shown.append([picture(uri).astype(int) for _, uri in sorted(tiles.images.items())])
    difference = np.concatenate([np.abs(one - other).ravel() for one, other in zip(*shown, strict=True)])
    assert difference.mean() < 3


def test_a_probability_is_shown_in_its_class(make_scene: MakeScene) -> None:
    imagery = probability_imagery("none.tif")
    stored = imagery.reduce(np.array([[[0.05, 0.1, 0.55, 1.0, np.nan]]], dtype=np.float32))
    assert stored.tolist() == [[[13, 25, 140, 254, 0]]]
    painted = imagery.paint(np.concatenate([stored, np.full((1, 1, 5), 255, np.uint8)]))
    assert painted[3, 0, 0] == 0
    assert (np.diff(painted[3, 0, [0, 2, 3]].astype(int)) > 0).all()
    assert imagery.paint(np.stack([stored[0], np.zeros((1, 5), np.uint8)]))[3].max() == 0


@given(st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=60))
def test_frequency_densities_integrate_to_the_number_and_to_one(areas: list[float]) -> None:
    sizes = sizes_of(np.array(areas))
    assert sizes is not None
    widths = np.diff(sizes.edges_m2)
    assert (sizes.frequency_density * widths).sum() == pytest.approx(len(areas))
    assert (sizes.probability_density * widths).sum() == pytest.approx(1)
    assert sizes.edges_m2[0] <= min(areas) * (1 + 1e-9)
    assert sizes.edges_m2[-1] >= max(areas) * (1 - 1e-9)
    np.testing.assert_allclose(np.diff(np.log10(sizes.edges_m2)), 0.2)


def test_areas_are_counted_in_their_bins_and_unknown_ones_nowhere() -> None:
    sizes = sizes_of(np.array([100.0, 101, 158, 159, 1000, np.nan]))
    assert sizes is not None
    assert sizes.counts.sum() == 5
    assert sizes.counts[:2].tolist() == [3, 1]
    assert sizes_of(np.array([np.nan])) is None


def test_the_general_distribution_is_the_published_one() -> None:
    """Malamud et al. 2004: it integrates to one, has a mean of 3.07e-3 km² and is most frequent at about 400 m²."""
    pieces = [quad(lambda a: float(general_density(np.array(a))), 10.0**k, 10.0 ** (k + 1))[0] for k in range(-2, 13)]
    assert sum(pieces) == pytest.approx(1, abs=0.01)
    steps = [
        quad(lambda a: a * float(general_density(np.array(a))), 10.0**k, 10.0 ** (k + 1))[0] for k in range(-2, 16)
    ]
    assert sum(steps) == pytest.approx(3070, rel=0.02)
    areas = np.geomspace(10, 1e5, 2000)
    assert areas[general_density(areas).argmax()] == pytest.approx(400, rel=0.01)


def unpacked(rings: list[list[int]]) -> Any:
    """Rings as they are drawn: what an odd number of them surrounds."""
    area = shapely.Polygon()
    for steps in rings:
        area = area.symmetric_difference(shapely.Polygon(np.array(steps).reshape(-1, 2).cumsum(axis=0)))
    return area


@pytest.mark.parametrize("limit", [10**6, 2000])
def test_outlines_come_back_as_they_were(make_scene: MakeScene, limit: int) -> None:
    path = make_scene(noise(3, 400, 400))
    frame = laid_out(path)
    shapes = [
        shapely.geometry.shape(shape)
        for shape, value in rasterio.features.shapes((blobs(400, 400)[0] > 127).astype(np.uint8), transform=TRANSFORM)
        if value == 1
    ]
    shapes = [*shapes, shapely.MultiPolygon([shapely.box(5e5 + k, 2949900, 5e5 + k + 5, 2949910) for k in (0, 9)])]
    placed = frame.place(np.array(shapes, dtype=object), UTM)
    drawn = outlines(placed, frame, limit=limit)
    assert (drawn.simplified_px > 0) == (limit == 2000)
    assert len(drawn.shapes) == len(shapes)
    for rings, shape in zip(drawn.shapes, placed, strict=True):
        there = shapely.transform(shape, lambda x, y: frame.pixels(x, y, drawn.zoom), interleaved=False)
        there = shapely.affinity.translate(there, *(-v for v in drawn.origin))
        # Eight units are a pixel or so; outlines move by at most half a unit, if they aren't simplified.
        assert not unpacked(rings).is_empty
        if drawn.simplified_px == 0:
            assert unpacked(rings).hausdorff_distance(there) < 1
    if limit == 2000:
        assert sum(len(ring) for rings in drawn.shapes for ring in rings) < 2.2 * limit


@pytest.fixture
def results(make_scene: MakeScene, card: ModelCard) -> tuple[Path, Path, Path]:
    """A scene with a collar, its inventory and its probability raster."""
    image = grey(300, 360).clip(1)
    image[:, :, :60] = 0
    scene = make_scene(image, nodata=0)
    go(scene, card, first_band())
    return scene, scene.with_suffix(".gpkg"), scene.with_name("prob.tif")


def report(*words: object) -> Any:
    return CliRunner().invoke(main, ["report", *map(str, words)])


def data_of(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_tells_what_the_inventory_tells(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    scene, inventory, probability = results
    before = sorted(file.name for file in tmp_path.iterdir())
    page = tmp_path / "report.html"
    result = report(inventory, "--scene", scene, "-o", page, "--probability", probability, "--json", "-q")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    landslides = geopandas.read_file(inventory, layer="landslides")
    assert told["landslides"] == len(landslides) > 5
    assert told["size"] == page.stat().st_size
    text, data = page.read_text(), data_of(page)
    names = [column["name"] for column in data["columns"]]
    assert data["values"][names.index("id")] == landslides["id"].tolist()
    np.testing.assert_allclose(data["values"][names.index("area_m2")], landslides["area_m2"], atol=0.51)
    assert len(data["shapes"]) == len(landslides)
    assert [raster["name"] for raster in data["rasters"]] == ["scene", "probability"]
    assert "83.3% of the scene was analysed" in text
    blank = re.search(r"About ([0-9.]+)% of the scene is nodata", text)
    assert blank
    assert float(blank[1]) == pytest.approx(16.7, abs=0.6)
    assert "<dd>stand-in</dd>" in text
    assert "isn&#x27;t installed where this page was made" in text
    assert "BSD 2-Clause License" in text
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*before, "report.html"])


def test_nothing_in_the_page_points_elsewhere(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert report(results[1], "--scene", results[0], "-o", page).exit_code == 0
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    assert "sourceMappingURL" not in text


def test_what_a_run_tells_comes_into_the_page_and_can_do_no_harm(
    results: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    import pandas as pd
    import pyogrio

    scene, inventory, _ = results
    evil = "</script><img src=x onerror=alert(1)>"
    hostile = scene.rename(tmp_path / "<img src=x onerror=alert(1)>&'\".tif")
    run = pd.DataFrame(
        {
            "version": ["9.9"], "scene": [hostile.name], "command": [evil], "threshold": [0.25],
            "started": [pd.Timestamp("2026-01-02T03:04:05", tz="UTC")],
        }
    )  # fmt: skip
    pyogrio.write_dataframe(run, inventory, layer="runs", driver="GPKG", append=True)
    page = tmp_path / "report.html"
    result = report(inventory, "--scene", hostile, "-o", page)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert "<img" not in text.replace("<img src=\\", "")
    assert text.count("</script>") == 3
    assert "<dd>0.25</dd>" in text
    assert "<dd>2026-01-02 03:04:05 UTC</dd>" in text
    assert data_of(page)["frame"]["mercator"]


def test_scenes_without_crs_and_at_the_pole_are_shown_in_their_own_pixels(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    cases = (("none", None, TRANSFORM), ("pole", "EPSG:3995", Affine(500, 0, -80_000, 0, -500, 80_000)))
    for name, crs, transform in cases:
        image = grey(300, 360)
        scene = make_scene(image, name=f"{name}.tif", crs=crs, transform=transform)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.warn", lambda *_, **__: None)
            go(scene, card, first_band())
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


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_other_numbers_are_stretched_as_the_run_did(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    image = grey(300, 300).astype(np.uint16) * 20
    scene = make_scene(image)
    go(scene, card, first_band(), scale=(1000.0, 4000.0))
    assert report(scene.with_suffix(".gpkg"), "--scene", scene, "-o", tmp_path / "r.html").exit_code == 0
    data = data_of(tmp_path / "r.html")
    frame = laid_out(scene)
    row, col = 150, 150
    place = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True).transform(*(TRANSFORM @ (col + 0.5, row + 0.5)))
    raster = data["rasters"][0]
    tiles = Tiles(raster["images"], raster["shallowest"], raster["deepest"], 1)
    expected = np.clip((float(image[0, row, col]) - 1000) / 3000 * 255, 0, 255)
    assert colour_at(tiles, frame, *place, tiles.deepest)[0] == pytest.approx(expected, abs=12)


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
    assert "is not on the grid of scene.tif" in result.stderr


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


def test_the_picture_shows_scene_and_outlines(results: tuple[Path, Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    scene, inventory, _ = results
    picture_file = tmp_path / "slides.png"
    made = write_report(inventory, tmp_path / "r.html", scene=scene, png=picture_file)
    assert made.png == str(picture_file)
    with rasterio.open(picture_file) as src:
        image = src.read()
    assert 500 < image.shape[2] <= 1001
    red, green, blue = image[:3].astype(int)
    assert ((red > 230) & (green > 40) & (blue < 100)).sum() > 200  # warm outlines over a grey scene


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


def test_leaflet_is_in_the_package_with_its_licence() -> None:
    from importlib.resources import files

    from landslide_cli.report.page import LEAFLET

    assets = files("landslide_cli.report") / "assets"
    assert f"Leaflet {LEAFLET}" in assets.joinpath(f"leaflet-{LEAFLET}.js").read_text()
    assert "Redistribution and use" in assets.joinpath("LICENSE.leaflet").read_text()
    for name in ("page.js", f"leaflet-{LEAFLET}.js"):
        assert "</script" not in assets.joinpath(name).read_text().lower()


def test_every_option_of_report_is_an_argument_of_the_function() -> None:
    import inspect

    options = {parameter.name for parameter in main.commands["report"].params} - {"as_json", "quiet"}  # type: ignore[attr-defined]
    assert options == inspect.signature(write_report).parameters.keys() - {"on_progress"}


def test_levels_hold_all_of_the_scene_and_no_row_more(make_scene: MakeScene) -> None:
    frame = laid_out(make_scene(noise(3, 600, 900)))
    left, bottom, right, top = frame.outline.bounds
    for zoom in range(frame.shallowest_zoom, frame.native_zoom + 1):
        level = Level.of(frame, zoom)
        (x0, x1), (y0, y1) = frame.pixels(np.array([left, right]), np.array([top, bottom]), zoom)
        assert 0 <= x0 - level.first[0] * 256 < 256
        assert 0 <= y0 - level.first[1] * 256 < 256
        assert 0 < x1 - level.last[0] * 256 <= 256
        assert 0 < y1 - level.last[1] * 256 <= 256
