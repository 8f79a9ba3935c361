"""Pixel scores against scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.mosaic.encoding import NODATA, STEPS, stored_threshold
from tests.metrics.conftest import arrays, sklearn


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


torchmetrics = pytest.importorskip("torchmetrics.functional.classification")


shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(
    shapes.flatmap(lambda shape: st.tuples(hnp.arrays(np.uint8, shape), hnp.arrays(bool, shape))), st.floats(0.01, 1)
)
def test_scores_are_those_of_torchmetrics(both: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    stored, truth = both
    known = stored != NODATA
    scores = Histogram.of(stored, truth).scores(threshold)
    found = torch.from_numpy(stored[known] >= stored_threshold(threshold)).int()
    target = torch.from_numpy(truth[known]).int()
    if not known.any():
        assert (scores.f1, scores.precision, scores.recall, scores.iou, scores.false_alarm) == (0, 0, 0, 0, 0)
        return
    for name in ("f1_score", "precision", "recall", "jaccard_index"):
        ours = getattr(scores, {"f1_score": "f1", "jaccard_index": "iou"}.get(name, name))
        assert ours == pytest.approx(float(getattr(torchmetrics, f"binary_{name}")(found, target)), abs=1e-6)
    if (~truth[known]).any():
        specificity = float(torchmetrics.binary_specificity(found, target))
        assert scores.false_alarm == pytest.approx(1 - specificity, abs=1e-6)


def test_pooling_is_counting_together() -> None:
    rng = np.random.default_rng(0)
    stored, truth = rng.integers(0, 256, (6, 40)).astype(np.uint8), rng.random((6, 40)) < 0.3
    pooled = Histogram.total(Histogram.of(*row) for row in zip(stored, truth, strict=True))
    assert pooled.scores(0.5) == Histogram.of(stored, truth).scores(0.5)


def test_the_best_threshold_is_the_best() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(5000) < 0.3
    stored = np.clip(rng.normal(90 + 60 * truth, 40), 0, STEPS).astype(np.uint8)
    histogram = Histogram.of(stored, truth)
    best = histogram.best_threshold()
    assert histogram.scores(best).f1 == max(histogram.scores(t / 100).f1 for t in range(5, 96))
