"""U-Net with CBAM before each up block: the third row of Zhou et al. 2024's Table 2."""

from __future__ import annotations

from landslide_cli.networks.blocks import CBAM
from landslide_cli.networks.unet import UNet


class UNetCBAM(UNet):
    """The paper's U-Net with channel and spatial attention; sizes as `UNet` takes them."""

    def __init__(self, *, in_channels: int = 3, width: int = 64) -> None:
        super().__init__(in_channels=in_channels, width=width, attention=CBAM)
