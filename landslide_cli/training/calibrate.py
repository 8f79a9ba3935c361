"""Makes probabilities mean what they say: one scale and one shift of the logits, chosen on validation pixels.

Platt 1999, "Probabilistic Outputs for Support Vector Machines"; temperature scaling (Guo, Pleiss, Sun, Weinberger
2017, "On Calibration of Modern Neural Networks") is the case without a shift. The shift is needed here: training
crops are cut around landslides, so the network expects far more of them than a scene holds.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit
from torch import nn

from landslide_cli.metrics.scores import Histogram
from landslide_cli.mosaic.encoding import STEPS

# The ends of the stored scale, 0 and 254, stand for a quarter of a step inside.
MARGIN = 0.25 / STEPS


def fit_calibration(histogram: Histogram) -> tuple[float, float]:
    """Scale and shift of the logits with the least negative log-likelihood.

    Args:
        histogram: Stored probabilities of validation pixels, with truth.

    Returns:
        ``(scale, shift)``, so that the calibrated probability is ``sigmoid(scale * logit(p) + shift)``; ``(1, 0)``
        where the pixels hold only one class.
    """
    if not histogram.landslide.any() or not histogram.other.any():
        return 1.0, 0.0
    logits = logit((np.arange(STEPS + 1) / STEPS).clip(MARGIN, 1 - MARGIN))
    positive = histogram.landslide / (histogram.landslide.sum() + histogram.other.sum())
    negative = histogram.other / (histogram.landslide.sum() + histogram.other.sum())

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        z = np.exp(parameters[0]) * logits + parameters[1]  # the scale stays positive
        value = positive @ np.logaddexp(0, -z) + negative @ np.logaddexp(0, z)
        slope = expit(z) * (positive + negative) - positive
        return float(value), np.array([slope @ logits * np.exp(parameters[0]), slope.sum()])

    scale, shift = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(np.exp(scale)), float(shift)


@torch.no_grad()
def fold_calibration(network: nn.Module, scale: float, shift: float) -> None:
    """Put scale and shift into the layer that gives the logits, so that every engine and export has them.

    What follows that layer, if anything, is bilinear resampling, which an affine change passes through.
    """
    head = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    if head.out_channels != 1 or head.bias is None:
        raise ValueError(f"the last convolution of {type(network).__name__} isn't its head")
    head.weight *= scale
    head.bias.mul_(scale).add_(shift)
