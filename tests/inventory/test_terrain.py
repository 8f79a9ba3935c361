"""Polygons on an elevation model: which pixels are theirs, and what isn't known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from landslide_cli.inventory import terrain
from landslide_cli.inventory.slope import FIELDS
from landslide_cli.model.card import ModelCard
from tests.conftest import MakeScene, first_band, go, noise
from tests.inventory.conftest import DEM_TRANSFORM, gdaldem, hills, measured, needs_gdaldem, write_dem


@needs_gdaldem
def test_a_polygon_has_the_mean_of_gdaldems_pixels(tmp_path: Path) -> None:
    path = write_dem(tmp_path / "dem.tif", hills(80, 90))
    polygons = [shapely.Point(*(DEM_TRANSFORM @ place)).buffer(130, 3) for place in ((30.3, 40.2), (60.1, 25.7))]
    found = measured(path, polygons)
    slope, aspect = gdaldem("slope", path), gdaldem("aspect", path)
    with rasterio.open(path) as src:
        heights = src.read(1)
    for index, polygon in enumerate(polygons):
        inside = rasterio.features.geometry_mask([polygon], slope.shape, DEM_TRANSFORM, invert=True)
        assert found["elev_min_m"][index] == pytest.approx(heights[inside].min())
        assert found["elev_max_m"][index] == pytest.approx(heights[inside].max())
        assert found["relief_m"][index] == pytest.approx(np.ptp(heights[inside]))
        # The map is 0.04 % smaller than the ground there, which gdaldem doesn't know.
        assert found["slope_mean_deg"][index] == pytest.approx(slope[inside].mean(), abs=0.02)
        assert found["slope_max_deg"][index] == pytest.approx(slope[inside].max(), abs=0.02)
        direction = np.exp(1j * np.radians(aspect[inside])).mean()
        assert abs((found["aspect_deg"][index] - np.degrees(np.angle(direction)) + 180) % 360 - 180) < 0.05


def test_nodata_and_the_edge_leave_attributes_unknown(tmp_path: Path) -> None:
    heights = hills(60, 60)
    heights[30, 30] = -1
    path = write_dem(tmp_path / "dem.tif", heights, nodata=-1)

    def box(left: float, top: float, right: float, bottom: float) -> Any:
        return shapely.box(*(DEM_TRANSFORM @ (left, bottom)), *(DEM_TRANSFORM @ (right, top)))

    found = measured(path, [box(25, 25, 35, 35), box(-3, 5, 4, 9), box(31, 31, 35, 35), box(0, 0, 9, 9)])
    for name in FIELDS:
        # The third has its heights, though slope is unknown at one pixel; so has the one in the corner.
        assert np.isnan(found[name]).tolist() == [True, True, False, False], name
    assert found["relief_m"][3] == pytest.approx(np.ptp(heights[:9, :9]))


@pytest.mark.parametrize("void", [-32768, -9999, 32767])
def test_heights_that_no_place_has_are_unknown_though_nobody_declared_them(tmp_path: Path, void: int) -> None:
    heights = hills(60, 60).astype(np.int16)
    heights[30, 30] = void
    path = write_dem(tmp_path / "dem.tif", heights)
    around, beside = (
        shapely.box(*(DEM_TRANSFORM @ (left, 35)), *(DEM_TRANSFORM @ (left + 10, 25))) for left in (25, 40)
    )
    found = measured(path, [around, beside])
    for name in FIELDS:
        assert np.isnan(found[name]).tolist() == [True, False], name


def test_a_polygon_smaller_than_a_pixel_takes_what_it_touches(tmp_path: Path) -> None:
    heights = hills(60, 60)
    path = write_dem(tmp_path / "dem.tif", heights)
    x, y = DEM_TRANSFORM @ (20.1, 30.1)
    found = measured(path, [shapely.box(x, y - 2, x + 2, y)])
    assert found["elev_min_m"][0] == found["elev_max_m"][0] == pytest.approx(heights[30, 20])
    assert found["relief_m"][0] == 0
    assert found["slope_mean_deg"][0] > 0


def test_large_polygons_are_read_in_parts_and_feet_and_scales_are_metres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dem(tmp_path / "dem.tif", hills(80, 80))
    polygon = shapely.Point(*(DEM_TRANSFORM @ (40, 40))).buffer(300, 5)
    at_once = measured(path, [polygon])
    monkeypatch.setattr(terrain, "PIXELS_AT_ONCE", 100)
    in_parts = measured(path, [polygon])
    for name in FIELDS:
        np.testing.assert_allclose(at_once[name], in_parts[name], rtol=1e-12)
    with rasterio.open(path, "r+") as dst:
        dst.units = ("ft",)
        dst.scales, dst.offsets = (2.0,), (100.0,)
    feet = measured(path, [polygon])
    assert feet["relief_m"][0] == pytest.approx(at_once["relief_m"][0] * 2 * 0.3048)
    assert feet["elev_min_m"][0] == pytest.approx((at_once["elev_min_m"][0] * 2 + 100) * 0.3048)


@pytest.fixture
def slope_scene(make_scene: MakeScene, tmp_path: Path) -> tuple[Path, Path]:
    """Two squares of 80 m: the left one on level ground, the right one on a slope of 30 degrees to the east."""
    pixels = np.zeros((3, 400, 600), np.uint8)
    pixels[0, 100:200, 50:150] = pixels[0, 100:200, 400:500] = 200
    heights = np.zeros((120, 160))
    heights[:, 60:] -= np.arange(100) * 5 * np.tan(np.radians(30))
    dem = write_dem(tmp_path / "dem.tif", heights.astype(np.float32) + 900,
                    transform=Affine(5, 0, 499_900, 0, -5, 2_950_100))  # fmt: skip
    return make_scene(pixels), dem


@pytest.mark.parametrize("ending", [".gpkg", ".shp"])
def test_the_run_writes_terrain_and_drops_what_is_flat(
    slope_scene: tuple[Path, Path], card: ModelCard, ending: str
) -> None:
    path, dem = slope_scene
    for limit, landslides in ((0.0, 2), (10.0, 1)):
        summary, slides, _, mask = go(path, card, first_band(), dem=dem, min_slope_deg=limit, ending=ending)
        assert (summary.landslides, summary.flat) == (landslides, 2 - landslides)
        assert slides["id"].tolist() == list(range(1, landslides + 1))
        steep = slides.iloc[-1]
        short = ending == ".shp"
        assert steep["slp_mn_deg" if short else "slope_mean_deg"] == pytest.approx(30, abs=0.05)
        assert steep["aspect_deg"] == pytest.approx(90, abs=0.5)
        assert steep["relief_m"] == pytest.approx(75 * np.tan(np.radians(30)), abs=0.5)
        assert steep["h_over_l"] == pytest.approx(steep["relief_m"] / steep["length_m"], abs=1e-3)
        angle = steep["hl_ang_deg" if short else "h_l_angle_deg"]
        assert angle == pytest.approx(np.degrees(np.arctan(steep["h_over_l"])), abs=0.01)
        assert mask[150, 100] == 1  # the raster is the threshold alone


def test_without_an_elevation_model_there_are_no_such_columns(make_scene: MakeScene, card: ModelCard) -> None:
    summary, slides, _, _ = go(make_scene(noise(3, 64, 64)), card, first_band())
    assert summary.flat is None
    assert not {*FIELDS, "h_over_l", "h_l_angle_deg"} & set(slides.columns)


def test_geopandas_reads_unknown_terrain_as_null(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    pixels = np.zeros((3, 64, 64), np.uint8)
    pixels[0, 20:30, 20:30] = 200
    path = make_scene(pixels)
    dem = write_dem(tmp_path / "dem.tif", np.full((60, 60), -9, np.float32), nodata=-9)
    summary, _, _, _ = go(path, card, first_band(), dem=dem, min_slope_deg=45)
    assert summary.flat == 0  # what isn't known isn't flat
    (slide,) = geopandas.read_file(path.with_suffix(".gpkg"), layer="landslides").itertuples()
    assert all(np.isnan(getattr(slide, name)) for name in (*FIELDS, "h_over_l", "h_l_angle_deg"))
