"""Attributes of shape against PROJ's own plane, brute force and known figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES, Measurer, dimensions, rounded
from landslide_cli.scene.ground import Ground

PLACES = [
    ("EPSG:32648", 105.2, 26.6),
    ("EPSG:4326", 105.2, 26.6),
    ("EPSG:4326", 25.0, 70.0),
    ("EPSG:32635", 25.0, 70.0),
    ("EPSG:3857", 25.0, 70.0),
    ("EPSG:32660", 180.0, -17.0),
    ("EPSG:32701", -180.0, -17.0),
    ("EPSG:4326", 180.0, -17.0),
    ("EPSG:3413", -40.0, 75.0),
]


def to_crs(plane: Any, crs: str, longitude: float, latitude: float) -> Any:
    """From metres east and north of a place to a CRS, by PROJ's azimuthal equidistant projection."""
    local = pyproj.CRS(f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +ellps=WGS84 +units=m")
    to_degrees = pyproj.Transformer.from_crs(local, 4326, always_xy=True)
    onwards = pyproj.Transformer.from_crs(4326, crs, always_xy=True)

    def along(x: Any, y: Any) -> Any:
        x, y = to_degrees.transform(x, y)
        x = np.where(x < longitude - 180, x + 360, np.where(x > longitude + 180, x - 360, x))
        return (x, y) if crs == "EPSG:4326" else onwards.transform(x, y)

    return shapely.transform(plane, along, interleaved=False)


def measured(polygon: Any, crs: str) -> dict[str, Any]:
    ground = Ground(Affine.identity(), CRS.from_user_input(crs), (1.0, 1.0))
    columns = Measurer(ground).measure(np.array([polygon], dtype=object)).columns
    return {name: values[0] for name, values in columns.items()}


def rectangle(length: float, width: float, azimuth: float) -> Any:
    """About the origin of a plane, with the long axis pointing to ``azimuth``."""
    return shapely.affinity.rotate(shapely.box(-width / 2, -length / 2, width / 2, length / 2), -azimuth, (0, 0))


@pytest.mark.parametrize(("crs", "longitude", "latitude"), PLACES)
@pytest.mark.parametrize("azimuth", [0.0, 30.0, 90.0, 135.0])
def test_a_rectangle_of_known_sides_and_direction(crs: str, longitude: float, latitude: float, azimuth: float) -> None:
    polygon = to_crs(rectangle(300, 100, azimuth), crs, longitude, latitude)
    found = measured(polygon, crs)
    assert found["length_m"] == pytest.approx(300, rel=1e-4)
    assert found["width_m"] == pytest.approx(100, rel=2e-4)
    assert abs((found["azimuth_deg"] - azimuth + 90) % 180 - 90) < 0.02
    assert found["elongation"] == pytest.approx(3, rel=3e-4)
    assert found["area_m2"] == pytest.approx(30_000, rel=2e-4)
    assert found["compactness"] == pytest.approx(4 * np.pi * 30_000 / 800**2, rel=5e-4)
    assert abs((found["lon"] - longitude + 180) % 360 - 180) < 1e-6
    assert -180 <= found["lon"] <= 180
    assert found["lat"] == pytest.approx(latitude, abs=1e-6)


@pytest.mark.parametrize(("crs", "longitude", "latitude"), PLACES)
def test_a_hole_beside_the_antimeridian_is_subtracted(crs: str, longitude: float, latitude: float) -> None:
    ring = shapely.Polygon(shapely.box(-200, -200, 200, 200).exterior, [shapely.box(50, -50, 150, 50).exterior])
    found = measured(to_crs(ring, crs, longitude, latitude), crs)
    assert found["area_m2"] == pytest.approx(400**2 - 100**2, rel=2e-4)
    assert found["perimeter_m"] == pytest.approx(4 * 400 + 4 * 100, rel=2e-4)


corners = st.lists(st.tuples(st.integers(-500, 500), st.integers(-500, 500)), min_size=3, max_size=12)


@given(points=corners, place=st.sampled_from(PLACES))
def test_the_rectangle_is_the_smallest_by_brute_force(points: Any, place: tuple[str, float, float]) -> None:
    plane = shapely.MultiPoint(points).convex_hull
    if plane.area < 5000 or plane.minimum_clearance < 5:
        return
    found = measured(to_crs(plane, *place), place[0])
    outline = shapely.get_coordinates(plane)
    areas = []
    for east, north in np.diff(outline, axis=0) / np.linalg.norm(np.diff(outline, axis=0), axis=1)[:, None]:
        turned = outline @ np.array([[east, -north], [north, east]])
        areas.append(np.prod(np.ptp(turned, axis=0)))
    assert found["length_m"] * found["width_m"] == pytest.approx(min(areas), rel=2e-3)
    assert found["length_m"] >= found["width_m"]
    # Each rectangle around it is at least as long as its width asks for.
    assert found["length_m"] <= 1.001 * np.hypot(*np.ptp(outline, axis=0))


def test_a_square_names_the_smaller_azimuth() -> None:
    square = measured(to_crs(rectangle(100, 100, 0), "EPSG:32648", 105, 26.6), "EPSG:32648")
    assert square["azimuth_deg"] == pytest.approx(0, abs=1e-3)
    assert square["elongation"] == pytest.approx(1, abs=1e-5)


def test_a_disc_is_compact() -> None:
    disc = measured(to_crs(shapely.Point(0, 0).buffer(50, 64), "EPSG:32648", 105, 26.6), "EPSG:32648")
    assert disc["compactness"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("crs", [None, CRS.from_wkt('LOCAL_CS["x"]')], ids=["none", "local"])
def test_without_a_crs_on_the_earth_nothing_is_measured(crs: CRS | None) -> None:
    some = np.array([shapely.box(0, 0, 2, 1)], dtype=object)
    measured = Measurer(Ground(Affine.identity(), crs)).measure(some).columns.values()
    assert all(np.isnan(values).all() for values in measured)


def test_of_no_polygons_nothing_is_measured() -> None:
    ground = Ground(Affine.identity(), CRS.from_epsg(32648), (1.0, 1.0))
    assert all(len(values) == 0 for values in dimensions(np.empty(0, dtype=object), ground).values())


def test_rounding_never_gives_a_full_turn() -> None:
    table = rounded({"aspect_deg": np.array([359.97]), "azimuth_deg": np.array([179.99])})
    assert (table["aspect_deg"][0], table["azimuth_deg"][0]) == (0, 0)


def test_short_names_fit_a_shapefile_and_are_unique() -> None:
    names = [SHORT_NAMES.get(name, name) for name in FIELDS]
    assert max(map(len, names)) <= 10
    assert len(set(names)) == len(names)
