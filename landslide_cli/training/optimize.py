"""Optimizer and learning rate of a recipe."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from landslide_cli.training.encoder_files import encoder_parameters
from landslide_cli.training.muon import Muon
from landslide_cli.training.recipe import Recipe


def make_optimizer(recipe: Recipe, network: nn.Module, *, encoder: Collection[str] = ()) -> Optimizer:
    """AdamW, Muon or SGD, without decay on biases and norms.

    Args:
        recipe: Says which, and how fast.
        network: What is trained.
        encoder: Names of the layers that VGG-16 filled; they learn at the recipe's ``encoder_rate``.
    """
    optimizer = _plain_optimizer(recipe, network)
    slow = encoder_parameters(network, encoder) if encoder else set()
    slow_ids = {id(parameter) for name, parameter in network.named_parameters() if name in slow}
    for group in list(optimizer.param_groups):
        parts: tuple[list[Tensor], list[Tensor]] = ([], [])
        for parameter in group["params"]:
            parts[id(parameter) in slow_ids].append(parameter)
        group["params"] = parts[0]
        if parts[1]:
            optimizer.add_param_group({**group, "params": parts[1], "lr": group["lr"] * recipe.encoder_rate})
    return optimizer


def _plain_optimizer(recipe: Recipe, network: nn.Module) -> Optimizer:
    learning = [p for p in network.parameters() if p.requires_grad]
    weights = [p for p in learning if p.ndim > 1]
    rest = [p for p in learning if p.ndim <= 1]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "muon":
        # The first and the last layer speak with pixels, not with other layers: for them AdamW is advised.
        first, *inner, last = weights
        return Muon(inner, [first, last, *rest], lr=rate, weight_decay=decay)
    groups = [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=rate)


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
