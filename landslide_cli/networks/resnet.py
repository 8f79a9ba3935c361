"""ResNet encoders: He, Zhang, Ren, Sun 2016, "Deep Residual Learning for Image Recognition", table 1.

The stride of a bottleneck stands at its 3×3 convolution, as in most code since ("ResNet v1.5").
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def conv_bn(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps the size (but for its stride), without bias, and batch norm."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class Residual(nn.Module):
    """``relu(body(x) + x)``; a 1×1 convolution brings x to the body's shape where they differ."""

    def __init__(self, body: nn.Sequential, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.shortcut(x))


def basic_block(in_channels: int, width: int, *, stride: int, dilation: int) -> Residual:
    """Two 3×3 convolutions, as ResNet-18 and 34 have them."""
    body = nn.Sequential(
        conv_bn(in_channels, width, 3, stride=stride, dilation=dilation),
        nn.ReLU(inplace=True),
        conv_bn(width, width, 3, dilation=dilation),
    )
    return Residual(body, _shortcut(in_channels, width, stride))


def bottleneck(in_channels: int, width: int, *, stride: int, dilation: int) -> Residual:
    """1×1, 3×3 and 1×1 convolutions that end in four times the width, as ResNet-50 and deeper have them."""
    body = nn.Sequential(
        conv_bn(in_channels, width, 1),
        nn.ReLU(inplace=True),
        conv_bn(width, width, 3, stride=stride, dilation=dilation),
        nn.ReLU(inplace=True),
        conv_bn(width, 4 * width, 1),
    )
    return Residual(body, _shortcut(in_channels, 4 * width, stride))


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return conv_bn(in_channels, out_channels, 1, stride=stride)


class ResNet(nn.Module):
    """A stem of stride 4 and four stages.

    Args:
        in_channels: Bands.
        depths: Blocks in each stage.
        deep: Bottlenecks instead of basic blocks.
        output_stride: 32, or 8 to widen the last two stages' convolutions instead of striding.
    """

    def __init__(self, *, in_channels: int, depths: Sequence[int], deep: bool, output_stride: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv_bn(in_channels, 64, 7, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)
        )
        block, growth = (bottleneck, 4) if deep else (basic_block, 1)
        stages, channels, reached, dilation = [], 64, 4, 1
        for number, depth in enumerate(depths):
            width, stride = 64 * 2**number, 1 if number == 0 else 2
            first_dilation = dilation
            if stride == 2 and reached == output_stride:
                stride, dilation = 1, dilation * 2
            reached *= stride
            blocks = [block(channels, width, stride=stride, dilation=first_dilation)]
            channels = growth * width
            blocks += [block(channels, width, stride=1, dilation=dilation) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.out_channels = channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the output of each stage, the finest first."""
        x = self.stem(x)  # (N, 64, H/4, W/4)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs
