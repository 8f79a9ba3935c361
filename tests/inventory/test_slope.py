"""Slope and aspect against gdaldem, and on ground of known shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray

from landslide_cli.inventory.slope import horn
from tests.inventory.conftest import gdaldem, hills, measured, needs_gdaldem, write_dem


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


def test_level_ground_has_no_aspect(tmp_path: Path) -> None:
    path = write_dem(tmp_path / "dem.tif", np.full((60, 60), 7, np.int16))
    found = measured(path, [shapely.box(499_600, 2_950_100, 499_800, 2_950_300)])
    assert (found["slope_mean_deg"][0], found["slope_max_deg"][0]) == (0, 0)
    assert np.isnan(found["aspect_deg"][0])
