"""Parts that several networks share. Sizes are passed in; nothing here reads files."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Reflect-pad ``(N, C, H, W)`` at the right and bottom until H and W divide by ``multiple``.

    Needs H and W of at least ``multiple``, since reflection can't reach past the far edge.
    """
    height, width = x.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(x, (0, right, 0, bottom), mode="reflect") if bottom or right else x


class DoubleConv(nn.Sequential):
    """Twice (3×3 convolution, padding 1, no bias; batch norm; ReLU)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class Down(nn.Sequential):
    """2×2 max pooling, then a double convolution: ``(N, C, H, W)`` to ``(N, C', H/2, W/2)``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.MaxPool2d(2), DoubleConv(in_channels, out_channels))


class Up(nn.Module):
    """Transposed 2×2 convolution, concatenation with the encoder's output, double convolution."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.rise = nn.ConvTranspose2d(in_channels, in_channels // 2, 2, stride=2)
        self.conv = DoubleConv(in_channels // 2 + skip_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.rise(x)  # (N, C, H, W) -> (N, C/2, 2H, 2W)
        return self.conv(torch.cat([skip, x], dim=1))  # -> (N, out, 2H, 2W)


class ChannelAttention(nn.Module):
    """Weighs channels by a shared two-layer MLP on average- and max-pooled vectors.

    Woo et al. 2018, "CBAM: Convolutional Block Attention Module", section 3, equation 2.
    """

    def __init__(self, channels: int, *, ratio: int = 16) -> None:
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.peak = nn.AdaptiveMaxPool2d(1)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, channels // ratio, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels // ratio, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.mlp(self.mean(x)) + self.mlp(self.peak(x)))  # (N, C, 1, 1) weights


class SpatialAttention(nn.Module):
    """Weighs pixels by a convolution over the channels' mean and maximum (Woo et al., equation 3)."""

    def __init__(self, *, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.conv(summary))  # (N, 1, H, W) weights


class CBAM(nn.Sequential):
    """Channel attention, then spatial attention."""

    def __init__(self, channels: int, *, ratio: int = 16, kernel: int = 7) -> None:
        super().__init__(ChannelAttention(channels, ratio=ratio), SpatialAttention(kernel=kernel))


class PyramidPooling(nn.Module):
    """Pools to several grids, reduces each by a 1×1 convolution and stacks them on the input.

    ``(N, C, H, W)`` becomes ``(N, C + len(bins) * channels_per_bin, H, W)``. The pooling covers
    the whole input, so an output pixel depends a little on everything in the window.
    """

    def __init__(self, in_channels: int, channels_per_bin: int, *, bins: tuple[int, ...] = (1, 2, 3, 6)) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(size),
                nn.Conv2d(in_channels, channels_per_bin, 1, bias=False),
                nn.BatchNorm2d(channels_per_bin),
                nn.ReLU(inplace=True),
            )
            for size in bins
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        pooled = [F.interpolate(branch(x), size, mode="bilinear", align_corners=False) for branch in self.branches]
        return torch.cat([x, *pooled], dim=1)
