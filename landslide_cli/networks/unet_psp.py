"""U-Net with pyramid pooling at the bridge: the fourth row of Zhou et al. 2024's Table 2."""

from __future__ import annotations

from landslide_cli.networks.unet import UNet


class UNetPyramid(UNet):
    """The paper's U-Net with its pyramid field-of-view receptor; sizes as `UNet` takes them."""

    def __init__(self, *, in_channels: int = 3, width: int = 64, bins: tuple[int, ...] = (1, 2, 3, 6)) -> None:
        super().__init__(in_channels=in_channels, width=width, bins=bins)
