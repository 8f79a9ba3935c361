"""The network of ResU-Net-OBIA: Ghorbanzadeh et al. 2022, Landslides 19, 929, as Zhou et al. 2024 compare with it.

A residual U-Net (Zhang, Liu, Wang 2018, "Road Extraction by Deep Residual U-Net", IEEE GRSL 15, 749: three
strided stages of pre-activated residual units, a bridge, three decoder units, 64 to 512 channels) whose result
object rules then clean; those are in `landslide_cli.training.object_rules`. Zhou et al. state 15 convolutions, 3×3 and
1×1, ReLU: the seven units' 14 and the head. Biases, the projection of each shortcut and bilinear upsampling are chosen
here.

Ours has 8,220,993 parameters (Table 4: 7.8757 M). Table 4's 651.5271 G is fourteen times what a network of that
size can spend on 256×256.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landslide_cli.networks.blocks import pad_to_multiple


class ResUNet(nn.Module):
    """Deep residual U-Net.

    Takes ``(N, in_channels, H, W)`` normalised pixels and gives ``(N, 1, H, W)`` logits. H and W are 32 or more; sizes
    that don't divide by 8 are reflect-padded at the right and bottom inside, and the logits are cropped back.
    """

    stride = 8

    def __init__(self, *, in_channels: int = 3, width: int = 64) -> None:
        super().__init__()
        w = width
        self.encoders = nn.ModuleList(
            [
                ResidualUnit(in_channels, w, first=True),
                ResidualUnit(w, 2 * w, stride=2),
                ResidualUnit(2 * w, 4 * w, stride=2),
            ]
        )
        self.bridge = ResidualUnit(4 * w, 8 * w, stride=2)
        self.rise = nn.Upsample(scale_factor=2, mode="bilinear")
        self.decoders = nn.ModuleList([ResidualUnit(12 * w, 4 * w), ResidualUnit(6 * w, 2 * w), ResidualUnit(3 * w, w)])
        self.head = nn.Conv2d(w, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.stride)
        skips = []
        for encoder in self.encoders:
            x = encoder(x)
            skips.append(x)  # (N, 64, H, W), (N, 128, H/2, W/2), (N, 256, H/4, W/4)
        x = self.bridge(x)  # (N, 512, H/8, W/8)
        for decoder, skip in zip(self.decoders, reversed(skips), strict=True):
            x = decoder(torch.cat([self.rise(x), skip], dim=1))
        return self.head(x)[..., :height, :width]  # (N, 1, H, W), logits


class ResidualUnit(nn.Module):
    """Twice (batch norm, ReLU, 3×3 convolution) beside a 1×1 projection; the first unit sees raw bands."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, first: bool = False) -> None:
        super().__init__()
        before: list[nn.Module] = [] if first else [nn.BatchNorm2d(in_channels), nn.ReLU()]
        self.body = nn.Sequential(
            *before,
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)
