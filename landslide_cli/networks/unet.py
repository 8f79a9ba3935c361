"""U-Net: Ronneberger, Fischer, Brox 2015, MICCAI, as the trunk that Zhou et al. 2024 build MsASNet on.

The paper's Table 2 takes MsASNet apart: `UNet` is its first row and, by its parts, the trunk of the others, which are
the functions at the end of this file. The paper states four pooled stages and transposed convolutions; padding (so
that sizes stay), batch norm, the fourth stage's 512 channels and a bridge of the same width are what its MsASNet has.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from landslide_cli.networks.blocks import CBAM, ChannelAttention, DoubleConv, Down, PyramidPooling, Up, pad_to_multiple


class UNet(nn.Module):
    """Four pooled stages, a bridge and four up blocks with skip connections.

    Takes ``(N, in_channels, H, W)`` normalised pixels and gives ``(N, 1, H, W)`` logits. H and W are
    32 or more; sizes that don't divide by 16 are reflect-padded at the right and bottom inside, and
    the logits are cropped back.

    Args:
        in_channels: Bands.
        width: Channels of the stem; the deepest stages have eight times as many.
        bins: Grids of a pyramid pooling after the bridge; none leaves it out.
        attention: Makes the attention before an up block from its number of channels.
    """

    stride = 16

    def __init__(
        self,
        *,
        in_channels: int = 3,
        width: int = 64,
        bins: tuple[int, ...] = (),
        attention: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        w = width
        self.stem = DoubleConv(in_channels, w)
        self.downs = nn.ModuleList([Down(w, 2 * w), Down(2 * w, 4 * w), Down(4 * w, 8 * w), Down(8 * w, 8 * w)])
        self.bridge = DoubleConv(8 * w, 8 * w)
        self.pyramid = PyramidPooling(8 * w, 2 * w, bins=tuple(bins)) if bins else nn.Identity()
        deepest = 8 * w + 2 * w * len(bins)
        make = attention or (lambda channels: nn.Identity())
        self.attentions = nn.ModuleList([make(channels) for channels in (deepest, 8 * w, 4 * w, 2 * w)])
        self.ups = nn.ModuleList(
            [Up(deepest, 8 * w, 8 * w), Up(8 * w, 4 * w, 4 * w), Up(4 * w, 2 * w, 2 * w), Up(2 * w, w, w)]
        )
        self.head = nn.Conv2d(w, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.stem(pad_to_multiple(x, self.stride))  # (N, 64, H, W)
        skips = []
        for down in self.downs:
            skips.append(x)
            x = down(x)  # -> (N, 512, H/16, W/16) in the end
        x = self.pyramid(self.bridge(x))  # (N, 1024, H/16, W/16) with a pyramid of four bins
        for attention, up, skip in zip(self.attentions, self.ups, reversed(skips), strict=True):
            x = up(attention(x), skip)
        return self.head(x)[..., :height, :width]  # (N, 1, H, W), logits


def unet_channel_attention(*, in_channels: int = 3, width: int = 64) -> UNet:
    """The second row of Table 2: the channel half of CBAM before each up block; sizes as `UNet` takes them."""
    return UNet(in_channels=in_channels, width=width, attention=ChannelAttention)


def unet_cbam(*, in_channels: int = 3, width: int = 64) -> UNet:
    """The third row of Table 2: CBAM before each up block; sizes as `UNet` takes them."""
    return UNet(in_channels=in_channels, width=width, attention=CBAM)


def unet_pyramid(*, in_channels: int = 3, width: int = 64, bins: tuple[int, ...] = (1, 2, 3, 6)) -> UNet:
    """The fourth row of Table 2: the paper's pyramid field-of-view receptor; sizes as `UNet` takes them."""
    return UNet(in_channels=in_channels, width=width, bins=bins)
