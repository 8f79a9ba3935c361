from __future__ import annotations

import pyproj
import pytest
from affine import Affine

from landslide_cli.scene.ground import ground_resolution
from tests.conftest import TRANSFORM


@pytest.mark.parametrize(
    ("crs", "transform", "expected"),
    [
        ("EPSG:32648", TRANSFORM, (0.8, 0.8)),                                          # scale 0.9996 at the meridian
        ("EPSG:32648", TRANSFORM @ Affine.rotation(30), (0.8, 0.8)),
        ("EPSG:32648", Affine(0.8, 0, 500_000, 0, 0.8, 2_900_000), (0.8, 0.8)),         # south-up
        ("EPSG:3857", Affine(2, 0, 0, 0, -2, 8_399_737.9), (1, 1)),                     # 60° north: half of it
        ("EPSG:4326", Affine(1e-5, 0, 10, 0, -1e-5, 0.0), (1.1057, 1.1132)),            # at the equator
        ("EPSG:4326", Affine(1e-5, 0, 10, 0, -1e-5, 60.0), (1.1141, 0.5580)),
        ("EPSG:2263", Affine(3.28083333, 0, 984_250, 0, -3.28083333, 200_000), (1, 1)), # feet
        ("EPSG:32648+5773", TRANSFORM, (0.8, 0.8)),                                     # with heights
    ],
)  # fmt: skip
def test_metres_per_pixel_in_any_crs(crs: str, transform: Affine, expected: tuple[float, float]) -> None:
    found = ground_resolution(pyproj.CRS(crs), transform, 100, 100)
    assert found == pytest.approx(expected, rel=6e-3)
