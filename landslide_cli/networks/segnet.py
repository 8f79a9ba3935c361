"""SegNet: Badrinarayanan, Kendall, Cipolla 2017, IEEE TPAMI 39, with the sharing that meets Table 4.

VGG16's encoder with biases and batch norm, and its mirror image, which unpools by the encoder's own
indices. The 22.3610 M of Zhou et al. 2024 come out exactly if the fifth stages of encoder and decoder,
which have the same shapes, are one and the same set of layers; two sets have 29.4436 M.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from landslide_cli.networks.blocks import pad_to_multiple

ENCODER = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DECODER = ((512, 512, 256), (256, 256, 128), (128, 64))


class SegNet(nn.Module):
    """Pools with indices, unpools by them.

    Takes ``(N, in_channels, H, W)`` normalised pixels and gives ``(N, 1, H, W)`` logits. H and W are 32 or
    more; sizes that don't divide by 32 are reflect-padded at the right and bottom inside.
    """

    stride = 32

    def __init__(self, *, in_channels: int = 3) -> None:
        super().__init__()
        starts = (in_channels, *(stage[-1] for stage in ENCODER))
        self.encoder = nn.ModuleList(_stage((start, *stage)) for start, stage in zip(starts, ENCODER, strict=False))
        # The decoder's fifth stage is the encoder's; its first ends in the logits.
        starts = (ENCODER[-1][-1], *(stage[-1] for stage in DECODER))
        self.decoder = nn.ModuleList(_stage((start, *stage)) for start, stage in zip(starts, DECODER, strict=False))
        self.head = nn.Sequential(_stage((64, 64)), nn.Conv2d(64, 1, 3, padding=1))
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.stride)
        places = []
        for stage in self.encoder:
            x, place = self.pool(stage(x))  # -> (N, 512, H/32, W/32) in the end
            places.append(place)
        for stage in (self.encoder[-1], *self.decoder, self.head):
            x = stage(self.unpool(x, places.pop()))
        return x[..., :height, :width]  # (N, 1, H, W), logits


def _stage(channels: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
