"""From a file's pixels to what a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """``((pixel - low) / (high - low) - mean) / std``, band by band.

    Args:
        value_range: ``(low, high)``, the raw values that map to 0 and 1.
        mean: Mean of each band after that mapping.
        std: Standard deviation of each band after that mapping.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, value_range: Sequence[float], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        low, high = value_range
        # One multiplication and one addition: pixel * scale + shift.
        scale = 1 / ((high - low) * torch.tensor(std, dtype=torch.float64))
        shift = -(low / (high - low) + torch.tensor(mean, dtype=torch.float64)) / torch.tensor(std)
        self.register_buffer("scale", scale.float().view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.float().view(1, -1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)`` of any number type to float32."""
        return pixels.float() * self.scale + self.shift
