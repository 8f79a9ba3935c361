from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landslide_cli.polygons import StreamingPolygonizer, joined
from tests.polygons.conftest import masks, stream


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=masks, cuts=st.lists(st.integers(0, 100), max_size=14), data=st.data())
def test_measures_and_order_do_not_depend_on_strips(
    connectivity: int, mask: Any, cuts: list[int], data: st.DataObject
) -> None:
    stored = data.draw(hnp.arrays(np.uint8, mask.shape))
    analysed = mask | data.draw(hnp.arrays(bool, mask.shape))
    one, other = (
        stream(mask, where, stored=stored, analysed=analysed, connectivity=connectivity) for where in ([], cuts)
    )
    assert shapely.to_wkb(one.geometry).tolist() == shapely.to_wkb(other.geometry).tolist()
    assert (one.measures == other.measures).all()


@given(mask=masks, cuts=st.lists(st.integers(0, 100), max_size=14), data=st.data())
def test_measures_are_those_of_scipy(mask: Any, cuts: list[int], data: st.DataObject) -> None:
    stored = data.draw(hnp.arrays(np.uint8, mask.shape))
    found = stream(mask, cuts, stored=stored)
    labels, count = ndimage.label(mask)
    index = np.arange(1, count + 1)
    expected = sorted(
        zip(ndimage.sum_labels(mask, labels, index), ndimage.sum_labels(stored, labels, index),
            ndimage.maximum(stored, labels, index), strict=True)
    )  # fmt: skip
    assert sorted(found.measures[["pixels", "total", "peak"]].tolist()) == expected
    assert (shapely.area(found.geometry) == found.measures["pixels"]).all()


@given(mask=masks, cuts=st.lists(st.integers(0, 100), max_size=14), data=st.data())
def test_cut_means_beside_what_was_not_analysed(mask: Any, cuts: list[int], data: st.DataObject) -> None:
    analysed = mask | data.draw(hnp.arrays(bool, mask.shape))
    found = stream(mask, cuts, analysed=analysed)
    outside = ndimage.binary_dilation(np.pad(~analysed, 1, constant_values=True))[1:-1, 1:-1]
    labels, _ = ndimage.label(mask)
    for measures in found.measures:
        component = labels == labels.flat[measures["first"]]
        assert measures["cut"] == (component & outside).any()


@given(mask=masks, cuts=st.lists(st.integers(0, 100), max_size=14), data=st.data())
def test_what_else_is_given_is_summed_up(mask: Any, cuts: list[int], data: st.DataObject) -> None:
    layers = {name: data.draw(hnp.arrays(np.uint8, mask.shape)) for name in ("spread", "before")}
    layers |= {name: data.draw(hnp.arrays(bool, mask.shape)) for name in ("seen", "old")}
    stored = np.zeros(mask.shape, np.uint8)
    polygonizer, alone = StreamingPolygonizer(mask.shape[1]), StreamingPolygonizer(mask.shape[1])
    edges = sorted({0, len(mask), *(cut % len(mask) for cut in cuts)})
    parts, lonely = [], []
    for a, b in pairwise(edges):
        some = {name: layer[a:b] for name, layer in layers.items()}
        parts.append(polygonizer.feed(mask[a:b], stored[a:b], mask[a:b], some))
        lonely.append(alone.feed(mask[a:b], sums=some))  # without probabilities as well
    labels, count = ndimage.label(mask)
    for found in (joined([*parts, polygonizer.close()]), joined([*lonely, alone.close()])):
        for name, layer in layers.items():
            expected = ndimage.sum_labels(layer, labels, np.arange(1, count + 1))
            assert sorted(found.measures[name].tolist()) == sorted(expected)
