from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from landslide_cli.scene.ground import Bounds, Ground, beside, ground_resolution
from tests.conftest import TRANSFORM, UTM

LOCAL = CRS.from_wkt('LOCAL_CS["site",UNIT["foot",0.3048]]')


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


@pytest.mark.parametrize("crs", ["EPSG:32648", "EPSG:4326", "EPSG:2263"])
def test_offsets_are_distance_and_azimuth_on_the_ellipsoid(crs: str) -> None:
    ground = Ground(TRANSFORM, CRS.from_user_input(crs))
    rng = np.random.default_rng(0)
    centre = {"EPSG:32648": (500_000, 2_950_000), "EPSG:4326": (105, 27), "EPSG:2263": (984_250, 200_000)}[crs]
    places = centre + rng.uniform(-0.1, 0.1, (20, 2)) * (1 if crs == "EPSG:4326" else 1e4)
    origin = np.tile(np.array(centre, dtype=float), (20, 1))
    found = ground.offsets(origin, places)
    known = pyproj.CRS(crs)
    degrees = pyproj.Transformer.from_crs(known, known.geodetic_crs, always_xy=True)
    azimuth, _, metres = known.get_geod().inv(*degrees.transform(*origin.T), *degrees.transform(*places.T))
    assert np.hypot(*found.T) == pytest.approx(metres)
    assert np.degrees(np.arctan2(*found.T)) == pytest.approx(azimuth, abs=1e-6)
    # One place that can't be projected says nothing of the others.
    places[3] = np.inf
    known_ones = np.arange(20) != 3
    again = ground.offsets(origin, places)
    assert np.isnan(again[3]).all()
    assert (again[known_ones] == found[known_ones]).all()


def test_offsets_of_a_plane_are_those_of_the_plane_and_without_a_crs_unknown() -> None:
    origin, places = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[3.0, 2.0], [0.0, -5.0]])
    local = Ground(TRANSFORM, LOCAL, unit_m=0.3048)
    assert local.offsets(origin, places).tolist() == [[2 * 0.3048, 0], [0, -5 * 0.3048]]
    nothing = Ground(TRANSFORM, None).offsets(origin, places)
    assert nothing.shape == (2, 2)
    assert np.isnan(nothing).all()
    assert [ground.measurable for ground in (local, Ground(TRANSFORM, None))] == [True, False]
    assert [ground.on_earth for ground in (local, Ground(TRANSFORM, CRS.from_string(UTM)))] == [False, True]


@pytest.mark.parametrize("turn", [0, 30])
def test_steps_are_a_pixel_across_and_a_pixel_down(turn: float) -> None:
    ground = Ground(TRANSFORM @ Affine.rotation(turn), CRS.from_string(UTM))
    across, down = np.moveaxis(ground.steps(np.array([[0.0, 0.0], [50.5, 20.0]])), 1, 0)
    # Pixels of 0.8 m; rows go down the map, and a turn of pixels is one to the right there.
    cos, sin = (0.8 * one(math.radians(turn)) for one in (math.cos, math.sin))
    np.testing.assert_allclose(across, [[cos, -sin]] * 2, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(down, [[-sin, -cos]] * 2, rtol=2e-3, atol=1e-4)


def test_longitude_and_latitude_are_unknown_where_nothing_tells_them() -> None:
    x, y = np.array([500_000.0, np.nan, np.inf]), np.array([2_950_000.0, 2_950_000.0, 0.0])
    for ground in (Ground(TRANSFORM, None), Ground(TRANSFORM, LOCAL, unit_m=0.3048)):
        assert not ground.has_longitude
        assert np.isnan(ground.longitude_latitude(x, y)).all()
    longitude, latitude = Ground(TRANSFORM, CRS.from_string(UTM)).longitude_latitude(x, y)
    assert (longitude[0], latitude[0]) == pytest.approx((105, 26.67), abs=0.01)
    assert np.isnan([*longitude[1:], *latitude[1:]]).all()


@pytest.mark.parametrize("crs", [UTM, "EPSG:2263", "EPSG:4326", None])
def test_sizes_are_those_of_the_ellipsoid(crs: str | None) -> None:
    """A polygon with a hole, two that are one landslide, and both alone."""
    side = {"EPSG:4326": 1e-3, "EPSG:2263": 100 / 0.3048006}.get(str(crs), 100.0)
    at = {UTM: (500_000, 2_950_000), "EPSG:2263": (984_250, 200_000)}.get(str(crs), (0, 0))

    def square(x: float, y: float, size: float) -> Any:
        corners = [at[0] + x * side, at[1] + y * side, at[0] + (x + size) * side, at[1] + (y + size) * side]
        return shapely.box(*corners)

    holed = shapely.Polygon(square(0, 0, 4).exterior, [square(1, 1, 1).exterior])
    two = shapely.MultiPolygon([square(6, 0, 1), square(8, 0, 2)])
    ground = Ground(Affine.identity(), CRS.from_user_input(crs) if crs else None)
    area, perimeter = ground.measure(np.array([holed, two], dtype=object))
    if crs is None:
        assert np.isnan([*area, *perimeter]).all()
        return
    one = 110.574 * 111.320 if crs == "EPSG:4326" else 1e4
    assert area == pytest.approx([15 * one, 5 * one], rel=2e-3)
    # In degrees a side to the north is a little shorter than one to the east.
    edge = (110.574 + 111.320) / 2 if crs == "EPSG:4326" else 100
    assert perimeter == pytest.approx([(16 + 4) * edge, (4 + 8) * edge], rel=2e-3)
    empty = ground.measure(np.array([], dtype=object))
    assert [len(one) for one in empty] == [0, 0]


def test_in_a_plane_sizes_are_those_of_the_plane() -> None:
    local = Ground(Affine.identity(), LOCAL, unit_m=0.3048)
    area, perimeter = local.measure(np.array([shapely.box(0, 0, 10, 20)], dtype=object))
    assert (area[0], perimeter[0]) == pytest.approx((200 * 0.3048**2, 60 * 0.3048))


@given(st.floats(-720, 720), st.floats(-180, 180))
def test_longitudes_lie_beside_their_centre(longitude: float, centre: float) -> None:
    (found,) = beside(np.array([longitude]), np.array([centre]))
    assert abs(found - centre) <= 180 + 1e-9
    assert math.isclose((found - longitude) % 360, 0, abs_tol=1e-6) or math.isclose(
        (found - longitude) % 360, 360, abs_tol=1e-6
    )


spans = st.tuples(st.floats(-180, 180), st.floats(0, 170))


@given(spans, st.floats(-80, 80), st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(1, 3))
def test_bounds_of_places_that_come_bit_by_bit(
    span: tuple[float, float], south: float, shares: list[float], at_once: int
) -> None:
    west, width = span
    offsets = np.array([0.0, *shares, 1.0]) * width
    longitude, latitude = (west + offsets + 180) % 360 - 180, south + offsets / 20
    bounds = Bounds()
    assert bounds.degrees is None
    for start in range(0, len(longitude), at_once):
        bounds.add(longitude[start : start + at_once], latitude[start : start + at_once])
        bounds.add(np.array([np.nan, 200.0]), np.array([0.0, np.nan]))
    assert bounds.degrees is not None
    left, bottom, right, top = bounds.degrees
    assert (bottom, top) == pytest.approx((latitude.min(), latitude.max()))
    # West is larger than east across the antimeridian.
    assert (right - left) % 360 == pytest.approx(width, abs=1e-6) or (right - left) % 360 == pytest.approx(360)
    assert math.isclose(math.cos(math.radians(left - west)), 1, abs_tol=1e-9)
    assert -180 <= left <= 180
    assert -180 <= right <= 180


def test_bounds_of_the_whole_world_are_the_world() -> None:
    bounds = Bounds()
    bounds.add(np.array([0.0]), np.array([-5.0]))
    bounds.add(np.array([179.0, -179.0, 180.0]), np.array([0.0, 2.0, 5.0]))
    assert bounds.degrees == (-179.0, -5.0, 180.0, 5.0)
    bounds.add(np.array([-180.0]), np.array([0.0]))
    assert bounds.degrees == (-180.0, -5.0, 180.0, 5.0)
