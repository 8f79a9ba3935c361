"""DRs-UNet: Chen et al. 2022, Remote Sensing 14, 1848, as Zhou et al. 2024 compare with it.

Its source describes a U-Net whose encoder holds residual shrinkage units: a residual block that sets features below a
learned threshold, one for each channel, to zero (Zhao, Zhong, Fu, Tang, Pecht 2020, "Deep Residual Shrinkage Networks",
IEEE Transactions on Industrial Informatics 16, 4681). Zhou et al. state 18 convolutions, 3×3, 2×2 and 1×1, sigmoid and
ReLU: the 18 of 3×3 in a U-Net of five levels, transposed 2×2 convolutions and 1×1 layers.

Chosen here: 32 channels at full size, units in the encoder's three stages between stem and bridge, an identity shortcut
around the thresholds. This gives 7,936,929 parameters, as Table 4 has them (7.9369 M), but other layouts do as well;
its multiply-adds (11.1131 G) aren't met, ours are a quarter more.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landslide_cli.networks.blocks import DoubleConv, pad_to_multiple


class DRsUNet(nn.Module):
    """U-Net with soft thresholds in the encoder; sizes as `UNet` takes them."""

    stride = 16

    def __init__(self, *, in_channels: int = 3, width: int = 32) -> None:
        super().__init__()
        w = width
        self.stem = DoubleConv(in_channels, w)
        self.downs = nn.ModuleList(
            [nn.Sequential(nn.MaxPool2d(2), DoubleConv(c, 2 * c), ChannelShrinkage(2 * c)) for c in (w, 2 * w, 4 * w)]
        )
        self.bridge = nn.Sequential(nn.MaxPool2d(2), DoubleConv(8 * w, 16 * w))
        self.rises = nn.ModuleList([_rise(2 * c, c) for c in (8 * w, 4 * w, 2 * w, w)])
        self.ups = nn.ModuleList([DoubleConv(2 * c, c) for c in (8 * w, 4 * w, 2 * w, w)])
        self.head = nn.Conv2d(w, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        skips = [self.stem(pad_to_multiple(x, self.stride))]  # (N, 32, H, W)
        for down in self.downs:
            skips.append(down(skips[-1]))
        x = self.bridge(skips[-1])  # (N, 512, H/16, W/16)
        for rise, up, skip in zip(self.rises, self.ups, reversed(skips), strict=True):
            x = up(torch.cat([skip, rise(x)], dim=1))
        return self.head(x)[..., :height, :width]  # (N, 1, H, W), logits


class ChannelShrinkage(nn.Module):
    """Soft thresholding with one threshold for each channel, and a shortcut around it.

    The threshold is the channel's mean magnitude times a learned share (Zhao et al. 2020, equations 3 to 5):
    ``y = x + sign(x) max(|x| - t, 0)``, ``t = sigmoid(MLP(mean |x|)) mean |x|``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.share = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        magnitude = x.abs()
        mean = magnitude.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        return x + torch.sign(x) * torch.relu(magnitude - self.share(mean) * mean)


def _rise(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2), nn.BatchNorm2d(out_channels))
