"""LDLAIM: Zhang et al. 2023, Journal of X-ray Science and Technology 31, 131, as Zhou et al. 2024 compare with it.

Zhou et al. state 23 convolutions of 3×3 and 1×1, PReLU and ReLU. The network's own paper could not be read. A U-Net
with bilinear upsampling has 18 convolutions of 3×3 and one head of 1×1, and 17.26 of Table 4's 17.2806 million
parameters; the four convolutions that are left are chosen here as one 1×1 gate of attention on each skip connection,
the PReLU as one slope for each channel in the encoder and the ReLU as the decoder's.

Ours has 17,266,885 parameters (0.08 % short of Table 4). Table 4's multiply-adds (48.6439 G) are a fifth above ours, so
the counted network spends more at full size than this reading does.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landslide_cli.networks.blocks import pad_to_multiple

Activation = Callable[[int], nn.Module]


class LDLAIM(nn.Module):
    """U-Net with PReLU, gated skip connections and bilinear upsampling; sizes as `UNet` takes them."""

    stride = 16

    def __init__(self, *, in_channels: int = 3, width: int = 64) -> None:
        super().__init__()
        w = width
        widths = [w, 2 * w, 4 * w, 8 * w, 8 * w]
        inputs = [in_channels, *widths[:-1]]
        self.encoders = nn.ModuleList(_double(i, o, o, nn.PReLU) for i, o in zip(inputs, widths, strict=True))
        self.gates = nn.ModuleList(nn.Conv2d(channels, 1, 1) for channels in widths[:-1])
        outputs = [w, w, 2 * w, 4 * w]
        self.decoders = nn.ModuleList(
            _double(2 * skip, skip, out, _relu) for skip, out in zip(widths[:-1], outputs, strict=True)
        )
        self.head = nn.Conv2d(w, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.stride)
        skips: list[Tensor] = []
        for encoder in self.encoders:
            x = encoder(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)  # (N, 64, H, W) to (N, 512, H/16, W/16)
        skips.pop()
        for decoder, gate, skip in zip(reversed(self.decoders), reversed(self.gates), reversed(skips), strict=True):
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear", align_corners=True)
            x = decoder(torch.cat([skip * torch.sigmoid(gate(skip)), x], dim=1))
        return self.head(x)[..., :height, :width]  # (N, 1, H, W), logits


def _double(in_channels: int, middle: int, out_channels: int, activation: Activation) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, middle, 3, padding=1, bias=False),
        nn.BatchNorm2d(middle),
        activation(middle),
        nn.Conv2d(middle, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        activation(out_channels),
    )


def _relu(channels: int) -> nn.Module:
    return nn.ReLU(inplace=True)
