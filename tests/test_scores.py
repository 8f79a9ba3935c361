from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landslide_cli.metrics.scores import Histogram
from landslide_cli.mosaic.encoding import NODATA, STEPS, stored_threshold

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
