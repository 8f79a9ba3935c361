"""The calibration error against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given

from landslide_cli.metrics.calibration import BINS, Reliability
from landslide_cli.metrics.scores import Histogram
from landslide_cli.mosaic.encoding import NODATA, STEPS
from tests.metrics.conftest import arrays

torchmetrics = pytest.importorskip("torchmetrics.functional.classification")


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
