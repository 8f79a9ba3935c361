"""Where the tiles of the map lie, and what they show."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.report.imagery import scene_imagery
from landslide_cli.report.outlines import outlines
from landslide_cli.report.tiles import Level, halved, make_tiles
from tests.conftest import TRANSFORM, UTM, MakeScene, noise
from tests.report.conftest import colour_at, laid_out, picture

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
