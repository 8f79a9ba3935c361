"""PSPNet: Zhao, Shi, Qi, Wang, Jia 2017, CVPR, on ResNet-50.

Output stride 8, bins 1, 2, 3, 6 of 512 channels, a 3×3 convolution 4096→512: its counts are those of
Zhou et al. 2024's Table 4 exactly. The auxiliary head, used in training by the original, is left out.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from landslide_cli.networks.blocks import PyramidPooling, pad_to_multiple
from landslide_cli.networks.resnet import ResNet, conv_bn


class PSPNet(nn.Module):
    """Dilated ResNet-50 and pyramid pooling.

    Takes ``(N, in_channels, H, W)`` normalised pixels and gives ``(N, 1, H, W)`` logits. H and W are 32 or
    more; sizes that don't divide by 8 are reflect-padded at the right and bottom inside.
    """

    stride = 8

    def __init__(self, *, in_channels: int = 3, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = ResNet(in_channels=in_channels, depths=(3, 4, 6, 3), deep=True, output_stride=8)
        self.pyramid = PyramidPooling(self.encoder.out_channels, 512)
        self.head = nn.Sequential(
            conv_bn(2 * self.encoder.out_channels, 512, 3),
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout),
            nn.Conv2d(512, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.stride)
        logits = self.head(self.pyramid(self.encoder(x)[-1]))  # (N, 4096, H/8, W/8) -> (N, 1, H/8, W/8)
        logits = F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)
        return logits[..., :height, :width]  # (N, 1, H, W), logits
