from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage

from landslide_cli.polygons import StreamingPolygonizer, joined, streaming
from tests.polygons.conftest import masks, stream

RING = np.pad(np.zeros((4, 4), dtype=bool), 1, constant_values=True)


SPIRAL = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]], dtype=bool)


CHECKERS = np.indices((6, 7)).sum(axis=0) % 2 == 0


NESTED = np.pad(np.pad(np.pad([[True]], 1), 1, constant_values=True), 1)


def whole(mask: NDArray[np.bool_], connectivity: int) -> list[str]:
    """GDAL's polygons of the whole mask, made valid: with connectivity 8 their rings touch themselves."""
    found = [
        shapely.geometry.shape(shape) for shape, _ in shapes(mask.view(np.uint8), mask=mask, connectivity=connectivity)
    ]
    return sorted(shapely.to_wkt(shapely.normalize(shapely.make_valid(polygon))) for polygon in found)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=masks, cuts=st.lists(st.integers(0, 100), max_size=14))
@example(mask=RING, cuts=list(range(6)))
@example(mask=SPIRAL, cuts=list(range(5)))
@example(mask=CHECKERS, cuts=list(range(6)))
@example(mask=NESTED, cuts=[3, 4])
def test_streamed_polygons_are_those_of_the_whole_mask(connectivity: int, mask: Any, cuts: list[int]) -> None:
    found = stream(mask, cuts, connectivity=connectivity)
    assert shapely.is_valid(found.geometry).all()
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(shapely.normalize(found.geometry)).tolist()
    assert sorted(shapely.to_wkt(polygon) for polygon in found.geometry) == whole(mask, connectivity)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_strips_of_any_height_agree_on_a_large_mask(connectivity: int, rows: int) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((150, 170)), 2)
    mask = field > np.quantile(field, 0.6)
    found = stream(mask, list(range(0, 150, rows)), connectivity=connectivity)
    assert sorted(shapely.to_wkt(polygon) for polygon in found.geometry) == whole(mask, connectivity)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=masks, cuts=st.lists(st.integers(0, 100), max_size=14), least=st.integers(1, 9))
def test_small_components_are_dropped_alone(connectivity: int, mask: Any, cuts: list[int], least: int) -> None:
    everything = stream(mask, cuts, connectivity=connectivity)
    found = stream(mask, cuts, connectivity=connectivity, min_pixels=least)
    kept = everything.geometry[everything.measures["pixels"] >= least]
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(kept).tolist()


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=masks, repeats=st.integers(1, 4), cuts=st.lists(st.integers(0, 100), max_size=14))
@example(mask=np.ones((4, 5), dtype=bool), repeats=3, cuts=[3, 6])
def test_outlines_alone_need_no_values(connectivity: int, mask: Any, repeats: int, cuts: list[int]) -> None:
    mask = np.repeat(mask, repeats, axis=0)
    expected = stream(mask, [], connectivity=connectivity)
    polygonizer = StreamingPolygonizer(mask.shape[1], connectivity=connectivity)
    edges = sorted({0, len(mask), *(cut % len(mask) for cut in cuts)})
    found = joined([*(polygonizer.feed(mask[a:b]) for a, b in pairwise(edges)), polygonizer.close()])
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(expected.geometry).tolist()
    for name in ("pixels", "first", "last"):
        assert (found.measures[name] == expected.measures[name]).all()


@pytest.mark.parametrize("pixels", [1, 500, 3000])
def test_rows_worked_on_at_once_change_nothing(pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(6).standard_normal((60, 200)), 1.5)
    mask, analysed = field > 0.1, field > -0.1
    stored = np.random.default_rng(7).integers(0, 255, mask.shape, dtype=np.uint8)
    expected = stream(mask, [], stored=stored, analysed=analysed)
    monkeypatch.setattr(streaming, "PIXELS_AT_ONCE", pixels)
    found = stream(mask, [23], stored=stored, analysed=analysed)
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(expected.geometry).tolist()
    assert (found.measures == expected.measures).all()


@pytest.mark.parametrize("height", [400, 1600])
def test_memory_does_not_depend_on_the_height_of_strips(height: int) -> None:
    mask = np.zeros((height, 20_000), dtype=bool)
    mask[:, 5_000:] = True
    mask[::50, :1000] = True
    polygonizer = StreamingPolygonizer(mask.shape[1])
    stored = mask.view(np.uint8)
    tracemalloc.start()
    try:
        polygonizer.feed(mask, stored, mask)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Most of it depends on streaming.PIXELS_AT_ONCE; the masks have 8 and 32 million pixels.
    assert peak < 12e6
