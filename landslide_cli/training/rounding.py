"""Learning with activations rounded as int8 rounds them, so that quantizing the finished network costs nothing.

Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
section 3: the forward pass rounds, the backward pass doesn't notice. Weights aren't rounded, since int8 has a scale for
each of their output channels, which costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

STEPS = 255  # between the least and the greatest value of an activation
PACE = 0.05  # of the moving averages of both


class Rounding:
    """Rounds what the 3×3 and the transposed convolutions of a network take, while it is in training mode.

    The first convolution, attention and pooled branches stay as they are, as in
    `landslide_cli.export.quantize`.

    Args:
        network: Its convolutions get hooks, which its weights and their names don't notice.

    Attributes:
        active: Whether anything is rounded.
        ranges: Least and greatest value of each convolution's input, ``(convolutions, 2)``; NaN until it was seen.
    """

    def __init__(self, network: nn.Module) -> None:
        self.active = False
        chosen = list(_rounded(network))
        self.ranges = torch.full((len(chosen), 2), torch.nan)
        for number, layer in enumerate(chosen):
            layer.register_forward_pre_hook(partial(self._before, number))

    def _before(self, number: int, layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        return (self._rounded(number, inputs[0]),) if self.active and layer.training else None

    def _rounded(self, number: int, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.ranges = self.ranges.to(x.device)
            seen = torch.stack([x.amin(), x.amax()]).float()
            before = self.ranges[number]
            self.ranges[number] = torch.where(before.isnan(), seen, before.lerp(seen, PACE))
            low, high = self.ranges[number]
            step = ((high - low) / STEPS).clamp(min=1e-6)
            rounded = (((x - low) / step).round().clamp(0, STEPS) * step + low).to(x.dtype)
        # What is outside of the range is learned from as well: else it would stay there.
        return x + (rounded - x).detach()


def _rounded(network: nn.Module) -> Iterator[nn.Module]:
    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in convolutions[1:]:
        transposed = isinstance(layer, nn.ConvTranspose2d)
        if transposed or layer.kernel_size == (3, 3):
            yield layer
