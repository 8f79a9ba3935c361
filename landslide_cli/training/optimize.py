"""Optimizer and learning rate of a recipe."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from landslide_cli.training.recipe import Recipe


def make_optimizer(recipe: Recipe, network: nn.Module) -> Optimizer:
    """AdamW or SGD, without decay on biases and norms."""
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def make_schedule(recipe: Recipe, optimizer: Optimizer) -> LambdaLR:
    """Linear warm-up, then a cosine to one hundredth, or no change."""
    warmup = max(1, round(recipe.warmup * recipe.steps))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if recipe.schedule == "constant":
            return 1.0
        done = (step - warmup) / max(1, recipe.steps - warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return LambdaLR(optimizer, factor)
