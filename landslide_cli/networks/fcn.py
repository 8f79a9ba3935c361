"""FCN: Long, Shelhamer, Darrell 2015, CVPR, in the form whose counts meet Zhou et al. 2024's Table 4.

The paper states 3.1366 G and 11.1774 M; a ResNet-18 whose four stage outputs are brought to full size,
stacked and read by one 1×1 convolution has both exactly. The original sums scores stage by stage.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landslide_cli.networks.blocks import pad_to_multiple
from landslide_cli.networks.resnet import ResNet


class FCN(nn.Module):
    """ResNet-18, its stages side by side.

    Takes ``(N, in_channels, H, W)`` normalised pixels and gives ``(N, 1, H, W)`` logits. H and W are 32 or
    more; sizes that don't divide by 32 are reflect-padded at the right and bottom inside.
    """

    stride = 32

    def __init__(self, *, in_channels: int = 3) -> None:
        super().__init__()
        self.encoder = ResNet(in_channels=in_channels, depths=(2, 2, 2, 2), deep=False)
        self.rises = nn.ModuleList(nn.Upsample(scale_factor=factor, mode="bilinear") for factor in (4, 8, 16, 32))
        self.head = nn.Conv2d(64 + 128 + 256 + 512, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        stages = self.encoder(pad_to_multiple(x, self.stride))
        x = torch.cat([rise(stage) for rise, stage in zip(self.rises, stages, strict=True)], dim=1)
        return self.head(x)[..., :height, :width]  # (N, 960, H, W) -> (N, 1, H, W), logits
