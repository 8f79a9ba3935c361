"""MsASNet: Zhou, Hong, Cui, Wu, Zhang, Remote Sensing 2024, 16, 1712.

The paper states the stem, four pooled stages, a bridge, the pyramid field-of-view receptor and its
1024 channels, CBAM before each up block and transposed convolutions. It doesn't state the bridge's
width, the pyramid's bins and its 128 channels a bin, nor CBAM's ratio and kernel: those are chosen
here (the latter two are CBAM's own defaults).

Table 4's row for MsASNet (42.7559 G, 27.5391 M) can't be met by the network that the text
describes; ours has 26,756,681 parameters.
"""

from __future__ import annotations

from landslide_cli.networks.blocks import CBAM
from landslide_cli.networks.unet import UNet


class MsASNet(UNet):
    """U-Net trunk, pyramid pooling at the bridge, CBAM before each up block; sizes as `UNet` takes them."""

    def __init__(self, *, in_channels: int = 3, width: int = 64, bins: tuple[int, ...] = (1, 2, 3, 6)) -> None:
        super().__init__(in_channels=in_channels, width=width, bins=bins, attention=CBAM)
