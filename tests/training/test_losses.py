from __future__ import annotations

import torch

from landslide_cli.training.losses import bce_dice_loss, dice_loss


def test_losses_are_least_for_the_truth() -> None:
    truth = (torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.7).float()
    sure = (truth * 2 - 1) * 20
    assert dice_loss(sure, truth) < 1e-3
    assert bce_dice_loss(sure, truth) < 1e-3
    assert dice_loss(-sure, truth) > 0.99
    assert bce_dice_loss(torch.zeros_like(truth), torch.zeros_like(truth)) > 0.69
