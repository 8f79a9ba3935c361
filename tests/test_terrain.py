"""Slope and aspect against gdaldem, and polygons on ground of known shape."""

from __future__ import annotations

import shutil
import subprocess
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
from numpy.typing import NDArray
from rasterio.crs import CRS
from scipy import ndimage

from landslide_cli.inventory import terrain
from landslide_cli.inventory.slope import FIELDS, horn
from landslide_cli.inventory.terrain import open_terrain
from landslide_cli.model.card import ModelCard
from landslide_cli.scene.ground import Ground
from tests.conftest import TRANSFORM, UTM, first_band, noise
from tests.test_detection import go

MakeScene = Callable[..., Path]
needs_gdaldem = pytest.mark.skipif(shutil.which("gdaldem") is None, reason="gdaldem (gdal-bin) is not installed")
DEM_TRANSFORM = Affine(10, 0, 499_500, 0, -10, 2_950_500)


def hills(height: int, width: int, seed: int = 3) -> NDArray[np.float32]:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 4)
    return (field / field.std() * 60 + 500).astype(np.float32)


def write_dem(path: Path, heights: NDArray[Any], *, transform: Affine = DEM_TRANSFORM, crs: str | None = UTM,
              **profile: Any) -> Path:  # fmt: skip
    height, width = heights.shape
    with rasterio.open(path, "w", driver="GTiff", count=1, height=height, width=width, dtype=heights.dtype,
                       transform=transform, crs=crs, **profile) as dst:  # fmt: skip
        dst.write(heights, 1)
    return path


def measured(path: Path, placed: list[Any], *, crs: str = UTM, **settings: Any) -> dict[str, NDArray[np.float64]]:
    """Terrain of polygons that are given in a CRS; the scene reaches around them."""
    left, bottom, right, top = shapely.total_bounds(placed)
    scene = Ground(Affine((right - left) / 9, 0, left, 0, (bottom - top) / 9, top), CRS.from_user_input(crs))
    with open_terrain(path, scene=scene, size=(9, 9), **settings) as opened:
        assert opened is not None
        return opened.measure(np.array(placed, dtype=object))


def gdaldem(mode: str, path: Path) -> NDArray[np.float64]:
    out = path.with_name(f"{mode}.tif")
    subprocess.run(["gdaldem", mode, path, out, "-q"], check=True)
    with rasterio.open(out) as src:
        return src.read(1, masked=True).astype(np.float64).filled(np.nan)


@needs_gdaldem
@pytest.mark.parametrize("down", [10.0, 12.0])
def test_slope_and_aspect_are_gdaldems_at_every_pixel(tmp_path: Path, down: float) -> None:
    heights = hills(40, 50)
    heights[10:13, 20:22] = -9999
    path = write_dem(tmp_path / "dem.tif", heights, nodata=-9999, transform=Affine(10, 0, 499_500, 0, -down, 2_950_500))
    known = np.where(heights == -9999, np.nan, heights.astype(np.float64))
    east, north = horn(known, np.array([[10.0, 0.0], [0.0, -down]]))
    slope, aspect = gdaldem("slope", path)[1:-1, 1:-1], gdaldem("aspect", path)[1:-1, 1:-1]
    np.testing.assert_allclose(np.degrees(np.arctan(np.hypot(east, north))), slope, atol=1e-3)
    turned = np.degrees(np.arctan2(-east, -north)) - aspect
    # gdaldem takes pixels for square when it comes to aspect.
    assert down != 10 or np.nanmax(np.abs((turned + 180) % 360 - 180)) < 0.01
    assert np.isnan(slope).sum() == np.isnan(east).sum() == 5 * 4


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


def plane(shape: tuple[int, int], transform: Affine, crs: str, centre: tuple[float, float], slope: float,
          aspect: float) -> NDArray[np.float32]:  # fmt: skip
    """Heights of ground that falls evenly towards ``aspect``, measured along geodesics from a centre in degrees."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    x, y = transform @ (cols + 0.5, rows + 0.5)
    longitude, latitude = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    geod = pyproj.Geod(ellps="WGS84")
    azimuth, _, metres = geod.inv(np.full_like(x, centre[0]), np.full_like(x, centre[1]), longitude, latitude)
    return (1000 - np.tan(np.radians(slope)) * metres * np.cos(np.radians(azimuth - aspect))).astype(np.float32)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:4326", Affine(3e-4, 0, 24.995, 0, -1e-4, 70.005)),
        ("EPSG:4326", Affine(3e-4, 0, 24.985, 0, 1e-4, 69.995)),                              # south-up
        ("EPSG:3857", Affine(30, 0, 2_781_400, 0, -30, 11_069_300)),
        ("EPSG:32633", Affine(10, 0, 880_000, 0, -10, 7_788_000)),                            # far off its meridian
        ("EPSG:32635", Affine.translation(423_800, 7_767_400) @ Affine.rotation(30) @ Affine.scale(10, -10)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("aspect", [0.0, 75.0, 210.0])
def test_slope_and_aspect_of_a_plane_in_any_grid(tmp_path: Path, crs: str, transform: Affine, aspect: float) -> None:
    shape = (120, 110)
    middle = transform @ (shape[1] / 2, shape[0] / 2)
    centre = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(*middle)
    path = write_dem(tmp_path / "dem.tif", plane(shape, transform, crs, centre, 25.0, aspect), transform=transform,
                     crs=crs)  # fmt: skip
    corners = [(50, 50), (60, 50), (60, 65), (50, 65)]
    to_scene = pyproj.Transformer.from_crs(crs, "EPSG:32635", always_xy=True)
    polygon = shapely.Polygon([to_scene.transform(*(transform @ corner)) for corner in corners])
    found = measured(path, [polygon], crs="EPSG:32635")
    assert found["slope_mean_deg"][0] == pytest.approx(25, abs=0.05)
    assert found["slope_max_deg"][0] == pytest.approx(25, abs=0.1)
    assert abs((found["aspect_deg"][0] - aspect + 180) % 360 - 180) < 0.1


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


def test_a_polygon_smaller_than_a_pixel_takes_what_it_touches(tmp_path: Path) -> None:
    heights = hills(60, 60)
    path = write_dem(tmp_path / "dem.tif", heights)
    x, y = DEM_TRANSFORM @ (20.1, 30.1)
    found = measured(path, [shapely.box(x, y - 2, x + 2, y)])
    assert found["elev_min_m"][0] == found["elev_max_m"][0] == pytest.approx(heights[30, 20])
    assert found["relief_m"][0] == 0
    assert found["slope_mean_deg"][0] > 0


def test_level_ground_has_no_aspect(tmp_path: Path) -> None:
    path = write_dem(tmp_path / "dem.tif", np.full((60, 60), 7, np.int16))
    found = measured(path, [shapely.box(499_600, 2_950_100, 499_800, 2_950_300)])
    assert (found["slope_mean_deg"][0], found["slope_max_deg"][0]) == (0, 0)
    assert np.isnan(found["aspect_deg"][0])


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
        with rasterio.open(path) as src:
            scene = Ground(src.transform, src.crs)
        with open_terrain(dem, scene=scene, size=(400, 600), min_slope_deg=limit) as opened:
            summary, slides, _, mask = go(path, card, first_band(), terrain=opened, ending=ending)
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
    with open_terrain(
        dem, scene=Ground(TRANSFORM, CRS.from_user_input(UTM)), size=(64, 64), min_slope_deg=45
    ) as opened:
        summary, _, _, _ = go(path, card, first_band(), terrain=opened)
    assert summary.flat == 0  # what isn't known isn't flat
    (slide,) = geopandas.read_file(path.with_suffix(".gpkg"), layer="landslides").itertuples()
    assert all(np.isnan(getattr(slide, name)) for name in (*FIELDS, "h_over_l", "h_l_angle_deg"))
