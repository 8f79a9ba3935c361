"""Leaving a network's encoder as it is, where chips are too few to teach it without forgetting what it knows."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

# What the networks call their layers before the bridge or the head.
ENCODERS = ("stem", "downs", "encoder", "encoders")


def freeze_encoder(network: nn.Module) -> list[nn.Module]:
    """Stop the encoder from learning.

    Returns:
        Modules to keep in eval mode: the encoder, and every batch norm, whose statistics a few chips would spoil.
    """
    parts = [part for name, part in network.named_children() if name in ENCODERS]
    for part in parts:
        part.requires_grad_(requires_grad=False)
    return [*parts, *(layer for layer in network.modules() if isinstance(layer, _BatchNorm))]
