"""U-Net with channel attention before each up block: the second row of Zhou et al. 2024's Table 2."""

from __future__ import annotations

from landslide_cli.networks.blocks import ChannelAttention
from landslide_cli.networks.unet import UNet


class UNetChannelAttention(UNet):
    """The paper's U-Net with the channel half of CBAM; sizes as `UNet` takes them."""

    def __init__(self, *, in_channels: int = 3, width: int = 64) -> None:
        super().__init__(in_channels=in_channels, width=width, attention=ChannelAttention)
