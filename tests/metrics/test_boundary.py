"""Boundary scores against counting by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.metrics.boundary import BoundaryCounts, margin
from tests.metrics.conftest import arrays


def boundary_by_hand(mask: np.ndarray, known: np.ndarray) -> list[tuple[int, int]]:
    height, width = mask.shape
    points = []
    for row, col in zip(*np.nonzero(mask & known), strict=True):
        for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if 0 <= r < height and 0 <= c < width and known[r, c] and not mask[r, c]:
                points.append((int(row), int(col)))
                break
    return points


@given(arrays(bool, bool, bool), st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0]))
def test_boundary_counts_are_those_by_hand(masks: tuple[np.ndarray, ...], tolerance: float) -> None:
    found, truth, known = masks
    ours, theirs = boundary_by_hand(found, known), boundary_by_hand(truth, known)

    def near(points: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
        return sum(any((r - y) ** 2 + (c - x) ** 2 <= tolerance**2 for y, x in others) for r, c in points)

    counts = BoundaryCounts.of(found, truth, known, tolerance=tolerance)
    assert counts == BoundaryCounts(len(ours), near(ours, theirs), len(theirs), near(theirs, ours))


@given(arrays(bool, bool, bool), st.sampled_from([0.0, 1.0, 2.5]), st.integers(1, 5))
def test_boundaries_of_parts_are_those_of_the_whole(masks: tuple[np.ndarray, ...], tolerance: float, rows: int) -> None:
    height, beside = len(masks[0]), margin(tolerance)
    parts = []
    for top in range(0, height, rows):
        first, last = max(0, top - beside), min(height, top + rows + beside)
        core = slice(top - first, min(top + rows, height) - first)
        parts.append(BoundaryCounts.of(*(mask[first:last] for mask in masks), tolerance=tolerance, rows=core))
    assert BoundaryCounts.total(parts) == BoundaryCounts.of(*masks, tolerance=tolerance)


def test_a_shifted_outline_is_right_within_the_tolerance() -> None:
    truth = np.zeros((40, 40), dtype=bool)
    truth[10:30, 10:30] = True
    known = np.ones_like(truth)
    shifted = np.roll(truth, 2, axis=1)
    assert BoundaryCounts.of(shifted, truth, known, tolerance=2).f1 == 1
    assert BoundaryCounts.of(shifted, truth, known, tolerance=1).f1 < 0.8
    assert BoundaryCounts.of(truth, truth, known, tolerance=0).f1 == 1
    assert BoundaryCounts.of(~known, truth, known, tolerance=9).f1 == 0
