"""Carrying what a narrow network has learned over to a wide one that answers alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def widen(narrow: nn.Module, wide: nn.Module, *, seed: int = 0) -> None:
    """Fill ``wide`` so that it computes what ``narrow`` does.

    Chen, Goodfellow, Shlens 2016, "Net2Net", section 2.3: each channel is copied as often as the wide network is
    wider, and what a layer took from it is divided among the copies. The shares are random, so that the copies
    get different gradients and part in training. Holds for layers of channels in a row and their
    concatenations, means and maxima over channels; not for group or layer norms.

    Args:
        narrow: A trained network.
        wide: The same network built with a multiple of its width.
        seed: Of the shares.

    Raises:
        ValueError: the sizes of ``wide`` aren't multiples of those of ``narrow``.
    """
    generator = torch.Generator().manual_seed(seed)
    for small, large in zip(narrow.modules(), wide.modules(), strict=True):
        held = [*small.named_parameters(recurse=False), *small.named_buffers(recurse=False)]
        for name, tensor in held:
            target: Tensor = getattr(large, name)
            ratios = [there // here for here, there in zip(tensor.shape, target.shape, strict=True)]
            for axis, ratio in enumerate(ratios):
                tensor = tensor.repeat_interleave(ratio, dim=axis)
            if tensor.shape != target.shape:
                raise ValueError(f"{tuple(target.shape)} is no multiple of {tuple(tensor.shape)}")
            incoming = _incoming(small)
            if name == "weight" and incoming is not None and ratios[incoming] > 1:
                tensor = tensor * _shares(tensor.shape, incoming, ratios[incoming], generator)
            target.copy_(tensor)


def _incoming(layer: nn.Module) -> int | None:
    """The axis of a layer's weight that runs over its input channels."""
    if isinstance(layer, nn.ConvTranspose2d):
        return 0
    return 1 if isinstance(layer, nn.Conv2d | nn.Linear) else None


def _shares(shape: torch.Size, axis: int, ratio: int, generator: torch.Generator) -> Tensor:
    """Random parts of one for the copies of each channel, all near ``1 / ratio``."""
    split = (*shape[:axis], shape[axis] // ratio, ratio, *shape[axis + 1 :])
    parts = torch.rand(split, generator=generator) + 1
    return (parts / parts.sum(dim=axis + 1, keepdim=True)).reshape(shape)
