"""Smooth outlines against contourpy, against a cell-by-cell construction, and against what is promised of them."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from contourpy import contour_generator
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.mosaic.encoding import stored_threshold
from landslide_cli.polygons import Finished, StreamingPolygonizer, joined, streaming

Stored = NDArray[np.uint8]


UNKNOWN = 255


LOWEST = 100


# Values near the threshold and far from it, and unknown ones, so that few pixels hold every case.
VALUES = [0, 40, LOWEST - 1, LOWEST, LOWEST + 1, 150, 254, UNKNOWN]


rasters = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from(VALUES))


cuts = st.lists(st.integers(0, 100), max_size=9)


DIAGONAL = np.where(np.eye(4, dtype=bool), 200, 0).astype(np.uint8)


DIAGONAL_IN_UNKNOWN = np.where(np.eye(4, dtype=bool), 200, UNKNOWN).astype(np.uint8)


LOOP = np.array([[200, 200, 200], [200, 0, 200], [200, 200, 20]], dtype=np.uint8)


LOOP_AROUND_UNKNOWN = np.array([[200, 200, 200], [200, 255, 200], [200, 200, 255]], dtype=np.uint8)


def stream(
    stored: Stored, where: list[int], *, connectivity: int = 4, level: float | None = LOWEST - 0.5, min_pixels: int = 0
) -> Finished:
    polygonizer = StreamingPolygonizer(
        stored.shape[1], connectivity=connectivity, level=level, min_pixels=min_pixels
    )  # fmt: skip
    edges = sorted({0, len(stored), *(cut % len(stored) for cut in where)})
    known = stored != UNKNOWN
    mask = known & (stored >= LOWEST)
    parts = [polygonizer.feed(mask[a:b], stored[a:b], known[a:b]) for a, b in pairwise(edges)]
    return joined([*parts, polygonizer.close()])


def in_mask(stored: Stored) -> NDArray[np.bool_]:
    return (stored >= LOWEST) & (stored != UNKNOWN)


def centres(chosen: NDArray[np.bool_]) -> Any:
    rows, columns = np.nonzero(chosen)
    return shapely.points(columns + 0.5, rows + 0.5)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(stored=rasters, where=cuts)
@example(stored=DIAGONAL, where=[1, 2, 3])
@example(stored=LOOP, where=[1, 2])
@example(stored=LOOP_AROUND_UNKNOWN, where=[2])
def test_strips_of_any_height_give_the_same_polygons(connectivity: int, stored: Stored, where: list[int]) -> None:
    one, other = (stream(stored, edges, connectivity=connectivity) for edges in ([], where))
    assert shapely.to_wkb(one.geometry).tolist() == shapely.to_wkb(other.geometry).tolist()
    assert (one.measures == other.measures).all()
    pixels = stream(stored, where, connectivity=connectivity, level=None)
    assert (one.measures == pixels.measures).all()


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_strips_agree_on_a_large_raster_however_many_rows_are_worked_on_at_once(
    connectivity: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = surface(150, 170, 5)
    expected = stream(stored, [], connectivity=connectivity)
    assert len(expected) > 50
    monkeypatch.setattr(streaming, "PIXELS_AT_ONCE", 170 * 5)
    found = stream(stored, list(range(0, 150, rows)), connectivity=connectivity)
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(expected.geometry).tolist()


def surface(height: int, width: int, seed: int, holes: float = 0.02) -> Stored:
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal((height, width)), 1.2)
    stored = np.clip(100 + 150 * field, 0, 254).astype(np.uint8)
    stored[ndimage.binary_dilation(rng.random((height, width)) < holes)] = UNKNOWN
    return stored


@pytest.mark.parametrize("connectivity", [4, 8])
@given(stored=rasters)
@example(stored=DIAGONAL)
@example(stored=DIAGONAL_IN_UNKNOWN)
@example(stored=LOOP)
@example(stored=LOOP_AROUND_UNKNOWN)
@example(stored=surface(60, 60, 1))
def test_polygons_are_valid_apart_from_each_other_and_hold_their_pixels(connectivity: int, stored: Stored) -> None:
    found = stream(stored, [], connectivity=connectivity)
    assert shapely.is_valid(found.geometry).all()
    assert (shapely.get_type_id(found.geometry) == shapely.GeometryType.POLYGON).all()
    one, other = np.array(shapely.STRtree(found.geometry).query(found.geometry, predicate="intersects"))
    pairs = one < other
    shared = shapely.intersection(found.geometry[one[pairs]], found.geometry[other[pairs]])
    assert (shapely.area(shared) == 0).all()
    mask = in_mask(stored)
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)) if connectivity == 8 else None)
    for polygon, measures in zip(found.geometry, found.measures, strict=True):
        component = labels == labels.flat[measures["first"]]
        shapely.prepare(polygon)
        assert shapely.contains_properly(polygon, centres(component)).all()
        assert not shapely.intersects(polygon, centres(~component)).any()


@pytest.mark.parametrize("connectivity", [4, 8])
@given(stored=rasters)
@example(stored=np.array([[LOWEST]], np.uint8))
@example(stored=np.pad(np.array([[LOWEST]], np.uint8), 1))
@example(stored=np.pad(np.array([[254]], np.uint8), 1, constant_values=LOWEST - 1))
@example(stored=LOOP)
@example(stored=surface(40, 40, 2))
def test_both_outlines_stay_within_half_a_pixel_of_each_other(connectivity: int, stored: Stored) -> None:
    smooth_ones, pixels = (
        stream(stored, [], connectivity=connectivity, level=level).geometry for level in (LOWEST - 0.5, None)
    )
    for one, other in zip(shapely.boundary(smooth_ones), shapely.boundary(pixels), strict=True):
        # Twenty places on each unit of length.
        for here, there in ((one, other), (other, one)):
            places = shapely.points(shapely.get_coordinates(shapely.segmentize(here, 0.05)))
            assert shapely.distance(places, there).max() <= 0.5 + 1e-9


@given(stored=rasters)
@example(stored=LOOP_AROUND_UNKNOWN)
@example(stored=surface(60, 60, 3, holes=0.1))
def test_nothing_unknown_is_covered_and_its_edges_are_kept(stored: Stored) -> None:
    known = unit_squares(stored != UNKNOWN)
    found = shapely.union_all(stream(stored, []).geometry)
    assert found.difference(known).area < 1e-9
    # Along the border of what is known both outlines are the same, but for where the mask meets itself at a point.
    pixels = shapely.union_all(stream(stored, [], level=None).geometry)
    if shapely.equals(pixels, known):
        assert shapely.equals(found, pixels) or met(stored)


def met(stored: Stored) -> bool:
    mask = np.pad(in_mask(stored), 1)
    a, b, c, d = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
    return bool(((a == d) & (b == c) & (a != b)).any())


def unit_squares(chosen: NDArray[np.bool_]) -> Any:
    rows, columns = np.nonzero(chosen)
    return shapely.union_all(shapely.box(columns, rows, columns + 1, rows + 1))


@pytest.mark.parametrize("connectivity", [4, 8])
@given(data=st.data(), shape=st.tuples(st.integers(1, 8), st.integers(1, 8)), where=cuts)
def test_they_are_those_of_contourpy_with_the_rule_for_corners(
    connectivity: int, data: st.DataObject, shape: tuple[int, int], where: list[int]
) -> None:
    # contourpy decides by the mean of four pixels whether two of them that meet at a point are joined.
    low, high = ((0, 60), (LOWEST, LOWEST + 20)) if connectivity == 4 else ((80, LOWEST - 1), (160, 254))
    values = st.one_of(st.integers(*low), st.integers(*high))
    stored = np.pad(data.draw(hnp.arrays(np.uint8, shape, elements=values)), 1, constant_values=low[0])
    found = stream(stored, where, connectivity=connectivity).geometry
    expected = contoured(stored)
    assert len(found) == len(expected)
    for polygon in found:
        same = [other for other in expected if polygon.symmetric_difference(other).area < 1e-9]
        assert len(same) == 1
        assert len(polygon.interiors) == len(same[0].interiors)


def contoured(stored: Stored) -> list[Any]:
    """Polygons of the whole raster by contourpy, then with the clearance and the rule for corners, vertex by vertex."""
    height, width = stored.shape
    generator = contour_generator(
        np.arange(width) + 0.5, np.arange(height) + 0.5, stored.astype(float), fill_type="OuterOffset"
    )
    polygons = []
    for vertices, first in zip(*generator.filled(LOWEST - 0.5, 300), strict=True):
        rings = [ruled(vertices[a : b - 1], stored) for a, b in pairwise(first)]
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
    return polygons


def ruled(ring: NDArray[np.float64], stored: Stored) -> list[Any]:
    """A ring of contourpy's, with each vertex as far from its pixel of the mask as ours shall be."""
    places = [between(x, y, stored) for x, y in ring.tolist()]
    far = [min(max(depth, 1 / 16), 15 / 16) for _, _, depth in places]
    vertices = []
    for i, (inside, outside, _) in enumerate(places):
        depth = far[i]
        for j in (i - 1, (i + 1) % len(places)):
            if places[j][0] == inside and (1 - far[i]) * (1 - far[j]) > 0.5:  # around one pixel of the mask
                depth = max(depth, 1 - (1 - far[i]) * np.sqrt(0.5 / ((1 - far[i]) * (1 - far[j]))))
            elif places[j][1] == outside and far[i] * far[j] > 0.5:
                depth = min(depth, far[i] * np.sqrt(0.5 / (far[i] * far[j])))
        step = np.subtract(outside, inside)
        vertices.append(np.add(inside, depth * step)[::-1] + 0.5)
    return vertices


def between(x: float, y: float, stored: Stored) -> tuple[tuple[int, int], tuple[int, int], float]:
    """Row and column of the pixels inside and outside on whose line a vertex lies, and how far it is from the first."""
    row, col = y - 0.5, x - 0.5
    ends = [(round(row), int(col)), (round(row), int(col) + 1)]
    if abs(col - round(col)) < 1e-9:
        ends = [(int(row), round(col)), (int(row) + 1, round(col))]
    inside, outside = sorted(ends, key=lambda end: -int(stored[end]))
    return inside, outside, abs(row - inside[0]) + abs(col - inside[1])


def test_a_plane_is_followed() -> None:
    # The clearance and the rule for corners may move a vertex by less than a tenth of a pixel here.
    rows, columns = np.mgrid[:40, :60]
    stored = (200 - 10 * rows - columns).clip(0, 254).astype(np.uint8)
    (polygon,) = stream(stored, []).geometry
    x, y = shapely.get_coordinates(polygon).T
    edge = (y > 2) & (x > 2) & (x < 58)
    assert edge.sum() > 50
    assert np.abs(200 - 10 * (y[edge] - 0.5) - (x[edge] - 0.5) - (LOWEST - 0.5)).max() < 10 * 0.09


@pytest.mark.parametrize("connectivity", [4, 8])
@given(stored=rasters, where=cuts, least=st.integers(2, 9))
def test_small_components_are_dropped_alone(connectivity: int, stored: Stored, where: list[int], least: int) -> None:
    everything = stream(stored, [], connectivity=connectivity)
    found = stream(stored, where, connectivity=connectivity, min_pixels=least)
    kept = everything.geometry[everything.measures["pixels"] >= least]
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(kept).tolist()


@given(stored=rasters)
def test_no_polygon_holds_twice_the_area_of_its_pixels(stored: Stored) -> None:
    # What is sieved out by its pixels relies on it.
    found = stream(stored, [])
    assert (shapely.area(found.geometry) < 2 * found.measures["pixels"]).all()


@pytest.mark.parametrize("threshold", [0.001, 0.42, 0.5, 1.0])
def test_the_level_parts_what_counts_from_what_does_not(threshold: float) -> None:
    level, lowest = PolygonRules(threshold, boundary="smooth").outline_level, stored_threshold(threshold)
    assert level is not None
    assert lowest - 1 < level < lowest
    assert PolygonRules(threshold).outline_level is None


def test_values_must_be_given() -> None:
    with pytest.raises(ValueError, match="need stored values"):
        StreamingPolygonizer(3, level=0.5).feed(np.ones((2, 3), dtype=bool))


def test_other_forms_are_refused() -> None:
    stairs: Any = "stairs"
    with pytest.raises(ValueError, match="boundary='stairs': give pixel or smooth"):
        PolygonRules(boundary=stairs)


@pytest.mark.parametrize("height", [400, 1600])
def test_memory_follows_the_outlines_of_open_landslides(height: int) -> None:
    stored = np.zeros((height, 20_000), dtype=np.uint8)
    stored[:, 5_000:] = 200
    stored[::50, :1000] = 200
    mask, known = stored > 0, np.ones_like(stored, dtype=bool)
    polygonizer = StreamingPolygonizer(stored.shape[1], level=0.5)
    tracemalloc.start()
    try:
        polygonizer.feed(mask, stored, known)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16e6
