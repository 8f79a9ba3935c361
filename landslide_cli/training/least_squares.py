"""Fitting one convolution to what several compute, by least squares on real imagery."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

KERNEL = 3
# Parts of the features' mean variance; the best on the held-out patches is taken.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


class Moments:
    """Sums over patches and what a convolution should make of them: all that least squares needs.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        device: Where the sums are kept, and the patches must be.
    """

    def __init__(self, inputs: int, outputs: int, *, device: torch.device | None = None) -> None:
        unknowns = inputs * KERNEL**2
        self.count = 0
        self.patch = torch.zeros(unknowns, dtype=torch.float64, device=device)
        self.wanted = torch.zeros(outputs, dtype=torch.float64, device=device)
        self.squares = torch.zeros(outputs, dtype=torch.float64, device=device)
        self.gram = torch.zeros(unknowns, unknowns, dtype=torch.float64, device=device)
        self.cross = torch.zeros(unknowns, outputs, dtype=torch.float64, device=device)

    def add(self, features: Tensor, wanted: Tensor, step: int = 1) -> None:
        """Add each ``step``-th patch of features ``(N, C, H, W)`` and what is wanted of it, of ``(N, C', H, W)``."""
        patches = F.unfold(features, KERNEL, padding=KERNEL // 2).transpose(1, 2).flatten(0, 1)[::step]  # (N H W, 9 C)
        targets = wanted.flatten(2).transpose(1, 2).flatten(0, 1)[::step]
        self.count += len(patches)
        self.patch += patches.sum(dim=0, dtype=torch.float64)
        self.wanted += targets.sum(dim=0, dtype=torch.float64)
        self.squares += targets.double().square().sum(dim=0)
        self.gram += patches.T @ patches
        self.cross += patches.T @ targets

    def explained(self, weight: Tensor, shift: Tensor) -> float:
        """Part of the variance that ``weight`` ``(9 C, C')`` and ``shift`` ``(C',)`` explain, all channels together."""
        missed = (
            self.squares + (weight * (self.gram @ weight)).sum(dim=0) + self.count * shift**2
            - 2 * (weight * self.cross).sum(dim=0) - 2 * shift * self.wanted + 2 * shift * (self.patch @ weight)
        )  # fmt: skip
        variance = self.squares - self.wanted**2 / self.count
        return float(1 - missed.sum() / variance.sum())


def fit_convolution(seen: Moments, held_out: Moments, near: Tensor) -> tuple[Tensor, Tensor, float]:
    """Find the convolution that comes nearest to what is wanted.

    Args:
        seen: Moments that are fitted.
        held_out: Moments that choose how strongly the weight is drawn to ``near``, and judge the outcome.
        near: Where weights lie that the patches say little of, ``(C', C, 3, 3)``.

    Returns:
        ``(weight, shift, explained)``: float32 ``(C', C, 3, 3)``, float32 ``(C',)`` and the part of the held-out
        variance that they explain.
    """
    prior = near.double().flatten(1).T
    mean = seen.patch / seen.count
    covariance = seen.gram / seen.count - torch.outer(mean, mean)
    left = seen.cross / seen.count - torch.outer(mean, seen.wanted / seen.count) - covariance @ prior
    spread = covariance.diagonal().mean()
    found = []
    for ridge in RIDGES:
        drawn = covariance + torch.diag(torch.full_like(mean, float(ridge * spread)))
        weight = prior + torch.cholesky_solve(left, torch.linalg.cholesky(drawn))
        shift = seen.wanted / seen.count - mean @ weight
        found.append((held_out.explained(weight, shift), weight, shift))
    explained, weight, shift = max(found, key=lambda each: each[0])
    return weight.T.reshape(near.shape).float(), shift.float(), explained


def channel_statistics(values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over batches ``(N, C, H, W)``: float32, shape ``(C,)``."""
    count = sum(batch[:, 0].numel() for batch in values)
    total = sum(batch.double().sum(dim=(0, 2, 3)) for batch in values)
    mean = torch.as_tensor(total) / count
    squares = sum((batch.double() - mean[:, None, None]).square().sum(dim=(0, 2, 3)) for batch in values)
    return mean.float(), (torch.as_tensor(squares) / count).float()
