"""From a file's pixels to what a network was trained on, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landslide_cli.model.linear import scale_and_shift


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
        scale, shift = scale_and_shift(value_range, mean, std)
        self.register_buffer("scale", torch.from_numpy(scale)[None], persistent=False)
        self.register_buffer("shift", torch.from_numpy(shift)[None], persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)`` of any number type to float32."""
        return pixels.float() * self.scale + self.shift
