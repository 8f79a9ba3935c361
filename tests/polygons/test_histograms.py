"""Percentiles that are gathered strip by strip are numpy's of the whole mosaic."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from landslide_cli.polygons import Finished, StreamingPolygonizer, histograms, joined
from landslide_cli.polygons.histograms import Histograms

masks = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 12)))


strips = st.lists(st.integers(0, 100), max_size=14)


HIGH = 180


def stream(
    mask: NDArray[np.bool_], stored: NDArray[np.uint8], cuts: list[int], *, connectivity: int = 4, least: int = 0
) -> tuple[Finished, Histograms]:
    counted = Histograms(HIGH)
    polygonizer = StreamingPolygonizer(mask.shape[1], connectivity=connectivity, min_pixels=least, histograms=counted)
    everywhere = np.ones_like(mask)
    ends = sorted({0, len(mask), *(cut % len(mask) for cut in cuts)})
    parts = [polygonizer.feed(mask[a:b], stored[a:b], everywhere[a:b]) for a, b in pairwise(ends)]
    return joined([*parts, polygonizer.close()]), counted


def check(found: Finished, mask: NDArray[np.bool_], stored: NDArray[np.uint8], connectivity: int) -> None:
    labels, _ = ndimage.label(mask, ndimage.generate_binary_structure(2, connectivity // 4))
    for measures in found.measures:
        values = stored[labels == labels.flat[measures["first"]]]
        assert measures["median"] == pytest.approx(np.median(values), abs=1e-9)
        assert measures["p90"] == pytest.approx(np.percentile(values, 90), abs=1e-9)
        assert measures["high"] == np.count_nonzero(values >= HIGH)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(mask=masks, cuts=strips, least=st.integers(0, 4), data=st.data())
def test_percentiles_are_those_of_the_whole_mosaic(
    connectivity: int, mask: Any, cuts: list[int], least: int, data: st.DataObject
) -> None:
    stored = data.draw(hnp.arrays(np.uint8, mask.shape, elements=st.integers(0, 254)))
    found, counted = stream(mask, stored, cuts, connectivity=connectivity, least=least)
    check(found, mask, stored, connectivity)
    assert len(counted) == 0  # nothing is kept of what is finished


@pytest.mark.parametrize("rows", [3, 64, 150])
@pytest.mark.parametrize("bins_per_pixel", [0, 8])
@pytest.mark.parametrize("pixels_at_once", [200, 1 << 20])
def test_both_ways_of_counting_agree(
    monkeypatch: pytest.MonkeyPatch, rows: int, bins_per_pixel: int, pixels_at_once: int
) -> None:
    monkeypatch.setattr(histograms, "BINS_PER_PIXEL", bins_per_pixel)
    monkeypatch.setattr(histograms, "PIXELS_AT_ONCE", pixels_at_once)
    field = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((150, 170)), 2)
    stored = np.clip(field * 300 + 127, 0, 254).astype(np.uint8)
    mask = stored >= 127
    found, _ = stream(mask, stored, list(range(0, 150, rows)))
    assert len(found) > 20
    check(found, mask, stored, 4)


def test_an_open_component_takes_no_more_than_its_different_values() -> None:
    """A landslide as high as the scene: what is kept of it doesn't grow with the rows."""
    counted = Histograms(HIGH)
    polygonizer = StreamingPolygonizer(40, histograms=counted)
    rng, mask = np.random.default_rng(1), np.ones((16, 40), dtype=bool)
    for _ in range(50):
        polygonizer.feed(mask, rng.integers(100, 200, mask.shape).astype(np.uint8), mask)
        assert len(counted) <= 100
    (measures,) = polygonizer.close().measures
    assert measures["pixels"] == 50 * mask.size
    assert measures["median"] == pytest.approx(149, abs=2)
