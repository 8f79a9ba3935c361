"""MsASNet: Zhou, Hong, Cui, Wu, Zhang, Remote Sensing 2024, 16, 1712.

The paper states the stem, four pooled stages, a bridge, the pyramid field-of-view receptor and its
1024 channels, CBAM before each up block and transposed convolutions. It doesn't state the bridge's
width, the pyramid's bins and its 128 channels a bin, nor CBAM's ratio and kernel: those are chosen
here (the latter two are CBAM's own defaults).

Table 4's row for MsASNet (42.7559 G, 27.5391 M) can't be met by the network that the text
describes; ours has 26,756,681 parameters.
"""

from __future__ import annotations

from torch import Tensor, nn

from landslide_cli.model.blocks import CBAM, DoubleConv, Down, PyramidPooling, Up, pad_to_multiple


class MsASNet(nn.Module):
    """U-Net trunk, pyramid pooling at the bridge, CBAM before each up block.

    Takes ``(N, in_channels, H, W)`` normalised pixels and gives ``(N, 1, H, W)`` logits. H and W are
    32 or more; sizes that don't divide by 16 are reflect-padded at the right and bottom inside, and
    the logits are cropped back.
    """

    stride = 16

    def __init__(self, *, in_channels: int = 3, width: int = 64, bins: tuple[int, ...] = (1, 2, 3, 6)) -> None:
        super().__init__()
        w = width
        self.stem = DoubleConv(in_channels, w)
        self.downs = nn.ModuleList([Down(w, 2 * w), Down(2 * w, 4 * w), Down(4 * w, 8 * w), Down(8 * w, 8 * w)])
        self.bridge = DoubleConv(8 * w, 8 * w)
        self.pyramid = PyramidPooling(8 * w, 2 * w, bins=tuple(bins))
        deepest = 8 * w + 2 * w * len(bins)
        self.attentions = nn.ModuleList([CBAM(deepest), CBAM(8 * w), CBAM(4 * w), CBAM(2 * w)])
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
        x = self.pyramid(self.bridge(x))  # (N, 1024, H/16, W/16)
        for attention, up, skip in zip(self.attentions, self.ups, reversed(skips), strict=True):
            x = up(attention(x), skip)
        return self.head(x)[..., :height, :width]  # (N, 1, H, W), logits
