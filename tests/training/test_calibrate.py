from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from landslide_cli.metrics.scores import Histogram
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.networks.registry import NETWORKS, build_network
from landslide_cli.training.calibrate import fit_calibration, fold_calibration


@given(st.floats(0.4, 2.5), st.floats(-2, 2), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_a_known_miscalibration_is_undone(scale: float, shift: float, seed: int) -> None:
    """Truth drawn with the probability sigmoid(scale * logit(p) + shift) gives that scale and shift back."""
    rng = np.random.default_rng(seed)
    stored = rng.integers(20, STEPS - 20, 400_000).astype(np.uint8)
    truth = rng.random(len(stored)) < expit(scale * logit(stored / STEPS) + shift)
    assert fit_calibration(Histogram.of(stored, truth)) == (
        pytest.approx(scale, abs=0.05),
        pytest.approx(shift, abs=0.05),
    )


def test_one_class_teaches_nothing() -> None:
    stored = np.arange(200, dtype=np.uint8)
    assert fit_calibration(Histogram.of(stored, np.zeros(200, dtype=bool))) == (1, 0)
    assert fit_calibration(Histogram.of(stored, np.ones(200, dtype=bool))) == (1, 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_scales_and_shifts_the_logits_of_every_network(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name).eval()
    x = torch.rand(1, 3, 40, 56)
    with torch.inference_mode():
        before = network(x)
    fold_calibration(network, 1.7, -0.6)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), 1.7 * before - 0.6, atol=1e-3, rtol=1e-3)
