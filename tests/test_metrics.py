"""Metrics against scikit-learn, torchmetrics and counting by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landslide_cli.evaluation.summary import judge_image, summarise
from landslide_cli.metrics.boundary import BoundaryCounts, margin
from landslide_cli.metrics.calibration import BINS, Reliability
from landslide_cli.metrics.objects import IOUS, ObjectCounts, Overlaps, match_components
from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.mosaic.encoding import NODATA, STEPS, stored_threshold

torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
sklearn = pytest.importorskip("sklearn.metrics")

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def arrays(
    *types: type, shape: st.SearchStrategy[tuple[int, int]] = shapes
) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """Arrays of one shape; all-False, all-True, all-nodata come often, since hypothesis likes to fill."""
    return shape.flatmap(lambda size: st.tuples(*(hnp.arrays(kind, size) for kind in types)))


@given(arrays(bool, bool, bool))
def test_pixel_scores_are_those_of_scikit_learn(masks: tuple[np.ndarray, ...]) -> None:
    found, truth, known = masks
    scores = Scores.of(found, truth, known)
    assert scores.pixels == known.sum()
    if not known.any():
        assert (scores.precision, scores.recall, scores.f1, scores.iou, scores.false_alarm) == (0, 0, 0, 0, 0)
        return
    matrix = sklearn.confusion_matrix(truth[known], found[known], labels=[False, True])
    assert matrix.ravel().tolist() == [
        scores.true_negative,
        scores.false_positive,
        scores.false_negative,
        scores.true_positive,
    ]
    for name, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1"), ("iou", "jaccard")):
        expected = getattr(sklearn, f"{theirs}_score")(truth[known], found[known], zero_division=0)
        assert getattr(scores, name) == pytest.approx(expected), name


@given(arrays(np.uint8, bool), st.floats(0.01, 1))
def test_counting_masks_is_counting_histograms(both: tuple[np.ndarray, ...], threshold: float) -> None:
    stored, truth = both
    known = stored != NODATA
    assert Scores.of(stored >= stored_threshold(threshold), truth, known) == Histogram.of(stored, truth).scores(
        threshold
    )


@given(arrays(np.uint8, bool))
def test_the_curve_is_that_of_scikit_learn(both: tuple[np.ndarray, ...]) -> None:
    stored, truth = both
    histogram = Histogram.of(stored, truth)
    precision, recall = histogram.curve()
    for value in range(1, STEPS + 1, 23):
        scores = histogram.scores(value / STEPS)
        assert (precision[value], recall[value]) == pytest.approx((scores.precision, scores.recall))
    known = stored != NODATA
    if truth[known].any():
        expected = sklearn.average_precision_score(truth[known], stored[known] / STEPS)
        assert histogram.average_precision() == pytest.approx(expected)
    else:
        assert histogram.average_precision() == 0


@given(arrays(np.uint8, bool))
def test_the_calibration_error_is_that_of_torchmetrics(both: tuple[np.ndarray, ...]) -> None:
    stored, truth = both
    error = Reliability.of(Histogram.of(stored, truth)).error
    # torchmetrics puts a probability of exactly 1 into a sixteenth bin, we into the fifteenth.
    known = (stored != NODATA) & (stored != STEPS)
    if (stored == STEPS).any():
        assert error == pytest.approx(expected_error(stored[stored != NODATA], truth[stored != NODATA]))
    elif known.any():
        probability = torch.from_numpy(stored[known] / STEPS)
        theirs = torchmetrics.binary_calibration_error(probability, torch.from_numpy(truth[known]).int(), n_bins=BINS)
        assert error == pytest.approx(float(theirs), abs=1e-6)
    else:
        assert error == 0


def expected_error(stored: np.ndarray, truth: np.ndarray) -> float:
    """The definition, bin by bin."""
    probability, error = stored / STEPS, 0.0
    for k in range(BINS):
        inside = (probability >= k / BINS) & ((probability < (k + 1) / BINS) | (k == BINS - 1))
        if inside.any():
            error += inside.mean() * abs(probability[inside].mean() - truth[inside].mean())
    return error


def test_a_calibrated_probability_has_no_error() -> None:
    stored = np.arange(STEPS + 1)
    histogram = Histogram(landslide=stored * 10, other=(STEPS - stored) * 10)
    reliability = Reliability.of(histogram)
    assert reliability.error == pytest.approx(0, abs=1e-12)
    assert reliability.pixels.sum() == STEPS * 10 * (STEPS + 1)
    np.testing.assert_allclose(reliability.landslide, reliability.probability)


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


images = st.lists(arrays(np.uint8, bool), min_size=1, max_size=5)


@settings(max_examples=50)
@given(images)
def test_pooled_and_mean_are_the_two_conventions(some: list[tuple[np.ndarray, ...]]) -> None:
    summary = summarise([judge_image(str(n), "", "", *both, threshold=0.5, tolerance=1) for n, both in enumerate(some)])
    known = [stored != NODATA for stored, _ in some]
    found = [(stored >= stored_threshold(0.5))[here] for (stored, _), here in zip(some, known, strict=True)]
    truth = [mask[here] for (_, mask), here in zip(some, known, strict=True)]
    whole = (
        sklearn.f1_score(np.concatenate(truth), np.concatenate(found), zero_division=0) if sum(map(len, truth)) else 0
    )
    assert summary.pooled.f1 == pytest.approx(whole)
    single = [sklearn.f1_score(t, f, zero_division=0) for t, f in zip(truth, found, strict=True) if t.any()]
    assert (summary.mean or {}).get("f1") == (pytest.approx(np.mean(single)) if single else None)
    assert summary.with_landslide == len(single)
    quiet = [f for t, f in zip(truth, found, strict=True) if len(t) and not t.any()]
    assert summary.quiet.pixels == sum(map(len, quiet))
    assert summary.quiet.false_alarm == pytest.approx(np.concatenate(quiet).mean() if quiet else 0)
    assert summary.alarmed == sum(f.any() for f in quiet)
    true_area = sum(t.sum() for t in truth)
    bias = None if true_area == 0 else sum(f.sum() for f in found) / true_area - 1
    assert summary.area_bias == (None if bias is None else pytest.approx(bias))
