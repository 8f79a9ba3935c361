from __future__ import annotations

import pytest
import torch

from landslide_cli.training.losses import bce_dice_loss, bce_loss, dice_loss


def test_losses_are_least_for_the_truth() -> None:
    truth = (torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.7).float()
    sure = (truth * 2 - 1) * 20
    every = torch.ones_like(truth)
    assert dice_loss(sure, truth, every) < 1e-3
    assert bce_dice_loss(sure, truth, every) < 1e-3
    assert dice_loss(-sure, truth, every) > 0.99
    assert bce_dice_loss(torch.zeros_like(truth), torch.zeros_like(truth), every) > 0.69


def test_what_has_no_weight_does_not_count() -> None:
    """Half the pixels wrong and without weight: the loss is that of the other half alone."""
    generator = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(2, 1, 8, 8, generator=generator), torch.rand(2, 1, 8, 8, generator=generator).round()
    weight = torch.zeros_like(truth)
    weight[..., :4] = 1
    for loss in (bce_loss, dice_loss, bce_dice_loss):
        half = loss(logits[..., :4], truth[..., :4], weight[..., :4])
        assert loss(logits, truth, weight) == pytest.approx(float(half), abs=1e-6)
