"""Found and true landslides are paired as well as can be."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landslide_cli.metrics.objects import IOUS, ObjectCounts, Overlaps, match_components
from tests.metrics.conftest import arrays


def most_pairs(possible: np.ndarray) -> int:
    """The largest one-to-one matching, by trying everything."""

    @cache
    def best(row: int, used: frozenset[int]) -> int:
        if row == len(possible):
            return 0
        skipped = best(row + 1, used)
        taken = [1 + best(row + 1, used | {int(c)}) for c in np.flatnonzero(possible[row]) if int(c) not in used]
        return max([skipped, *taken])

    return best(0, frozenset())


@given(arrays(bool, bool, shape=st.tuples(st.integers(1, 6), st.integers(1, 8))))
def test_objects_are_matched_as_well_as_can_be(masks: tuple[np.ndarray, ...]) -> None:
    ours, our_count = ndimage.label(masks[0])
    theirs, their_count = ndimage.label(masks[1])
    iou = np.zeros((our_count, their_count))
    for row in range(our_count):
        for col in range(their_count):
            one, other = ours == row + 1, theirs == col + 1
            iou[row, col] = (one & other).sum() / (one | other).sum()
    counts = match_components(*masks)
    assert (counts.found, counts.true) == (our_count, their_count)
    assert counts.matched == tuple(most_pairs(iou >= least) for least in IOUS)


def test_a_greedy_matching_would_find_fewer() -> None:
    """The long prediction fits the long slide best, but then the other two are left without a partner."""
    truth = np.repeat([1, 2, 0], [10, 5, 1])[None].astype(np.int32)
    found = np.repeat([2, 1, 0], [3, 10, 3])[None].astype(np.int32)
    overlaps = Overlaps()
    overlaps.add(found, truth)
    # IoU: the long one 7/13 and 3/12, the short one 3/10.
    assert overlaps.counts() == ObjectCounts(found=2, true=2, matched=(2, 1, 1))


labels = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.tuples(*[hnp.arrays(np.int32, size, elements=st.integers(0, 4))] * 2)
)


@given(labels, st.integers(1, 9))
def test_overlaps_of_parts_are_those_of_the_whole(both: tuple[np.ndarray, np.ndarray], rows: int) -> None:
    whole, parts = Overlaps(), Overlaps()
    whole.add(*both)
    for top in range(0, len(both[0]), rows):
        parts.add(both[0][top : top + rows], both[1][top : top + rows])
    assert whole == parts
    assert whole.counts() == parts.counts()
