"""Losses on logits of shape ``(N, 1, H, W)`` against truth 0 or 1 of the same shape.

A weight of the same shape says how much each pixel counts: 0 where nobody knows what is there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def dice_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """One minus the soft Dice coefficient, pooled over the batch.

    Milletari, Navab, Ahmadi 2016, "V-Net", section 3, with plain instead of squared sums. Pooling
    over the batch keeps chips without landslide from turning every faint answer into a full loss.
    """
    probability = torch.sigmoid(logits) * weight
    truth = truth * weight
    overlap = (probability * truth).sum()
    return 1 - (2 * overlap + 1) / (probability.sum() + truth.sum() + 1)


def bce_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy, averaged over the pixels that count."""
    each = F.binary_cross_entropy_with_logits(logits.float(), truth, reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1)


def bce_dice_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy plus Dice: the one for calibrated pixels, the other for the rare class."""
    logits = logits.float()
    return bce_loss(logits, truth, weight) + dice_loss(logits, truth, weight)


LOSSES = {"bce_dice": bce_dice_loss, "bce": bce_loss}
