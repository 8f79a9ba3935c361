"""Carrying a VGG-16 over into a network that has its encoder: copied where they agree, else fitted.

VGG-16 with batch norm (Simonyan, Zisserman 2015; Ioffe, Szegedy 2015) has three convolutions in its later
stages. Where a network has two, one convolution stands in for the last two: it is fitted by least squares to
what they make of real imagery. Layers behind it are fitted as well, to the same targets from the new features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from landslide_cli.errors import ModelError
from landslide_cli.model.normalise import Normalise
from landslide_cli.networks.segnet import SegNet
from landslide_cli.networks.unet import UNet
from landslide_cli.training.least_squares import KERNEL, Moments, channel_statistics, fit_convolution

# Numbers of VGG-16-BN's convolutions in torchvision's ``features``; each one's batch norm is the next.
STAGES = ((0, 3), (7, 10), (14, 17, 20), (24, 27, 30), (34, 37, 40))
# What each layer of a stage stands for. A U-Net's last stage has two of VGG's three; the third begins its bridge.
IN_UNET: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...] = (
    ("stem", ((0,), (3,))),
    ("downs.0.1", ((7,), (10,))),
    ("downs.1.1", ((14,), (17, 20))),
    ("downs.2.1", ((24,), (27, 30))),
    ("downs.3.1", ((34,), (37,))),
    ("bridge", ((40,),)),
)
IN_SEGNET = tuple((f"encoder.{place}", tuple((number,) for number in stage)) for place, stage in enumerate(STAGES))
# What VGG-16 was trained with, as parts of 255; they become the network's own.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPS = 1e-5
# Patches that are looked at for each number of a convolution, where there are so many: at 4, 8 and 16, 79, 81 and 85 %
# of held-out conv3_3 were explained, and time grows with them.
PATCHES = 32
HELD_OUT = 5  # one batch in so many judges the fit


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution of the network with its batch norm, and the convolutions of VGG that it stands for."""

    name: str
    conv: nn.Conv2d
    norm: nn.BatchNorm2d
    sources: tuple[int, ...]
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class VGG:
    """Convolutions and batch norms of a VGG-16, by their number in torchvision's ``features``."""

    tensors: dict[str, Tensor]

    def __contains__(self, number: int) -> bool:
        return f"{number}.weight" in self.tensors

    def weight(self, number: int) -> Tensor:
        """Weight of a convolution: ``(C', C, 3, 3)``."""
        return self.tensors[f"{number}.weight"]

    def line(self, number: int) -> tuple[Tensor, Tensor]:
        """``(scale, shift)`` of all that follows a convolution without bias, up to the ReLU: each ``(C',)``."""
        weight, bias, mean, variance = (
            self.tensors[f"{number + 1}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / (variance + EPS).sqrt()
        return scale, bias + scale * (self.tensors[f"{number}.bias"] - mean)

    def respond(self, number: int, features: Tensor) -> Tensor:
        """Batch norm's output for a convolution's input, before the ReLU."""
        scale, shift = self.line(number)
        return F.conv2d(features, self.weight(number), padding=1) * scale[:, None, None] + shift[:, None, None]


def encoder_layers(network: nn.Module) -> list[Layer]:
    """The layers of a network that VGG-16 has as well, from the pixels on.

    Raises:
        ModelError: the network has no such encoder.
    """
    if isinstance(network, UNet):
        stages = IN_UNET
    elif isinstance(network, SegNet):
        stages = IN_SEGNET
    else:
        raise ModelError(
            f"{type(network).__name__} has no encoder of VGG-16's kind; msasnet, the U-Nets and segnet have one"
        )
    layers = []
    for depth, (stage, kinds) in enumerate(stages):
        for place, sources in enumerate(kinds):
            name = f"{stage}.{3 * place}"
            conv, norm = network.get_submodule(name), network.get_submodule(f"{stage}.{3 * place + 1}")
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            layers.append(Layer(name, conv, norm, sources, pooled=place == 0 and 0 < depth < len(STAGES)))
    return layers


@torch.no_grad()
def fit_encoder(network: nn.Module, vgg: VGG, crops: Iterable[Tensor]) -> dict[str, float]:
    """Fill the encoder of ``network`` so that it answers as ``vgg`` does.

    Each batch norm gets the statistics of the crops, so that it computes the same with those as with a batch's own.

    Args:
        network: One whose `encoder_layers` are VGG-16's; the fit runs on its device.
        vgg: Weights of VGG-16; layers that it lacks are left as they are.
        crops: Batches of imagery, raw pixels, uint8 ``(N, 3, H, W)``; two or more, each may have its own
            size.

    Returns:
        The part of the variance before the ReLU that each layer explains, on batches that weren't fitted but chose
        the ridge; 1 for layers that are copied.

    Raises:
        ModelError: the network has no such encoder, or not at VGG's width.
    """
    layers = encoder_layers(network)
    theirs_first, ours_first = vgg.weight(0).shape[:2], layers[0].conv.weight.shape[:2]
    if theirs_first != ours_first:
        raise ModelError(
            f"the encoder to begin with has {theirs_first[1]} bands and {theirs_first[0]} channels in its first layer, "
            f"the network {ours_first[1]} and {ours_first[0]}; train at full width with red, green and blue"
        )
    place = layers[0].conv.weight.device
    vgg = VGG({name: tensor.to(place) for name, tensor in vgg.tensors.items()})
    normalise = Normalise((0.0, 255.0), MEAN, STD).to(place)
    ours = [normalise(batch.to(place)) for batch in crops]
    theirs = ours
    explained = {}
    for layer in layers:
        if any(number not in vgg for number in layer.sources):
            break
        if layer.pooled:
            for batches in (ours,) if theirs is ours else (ours, theirs):
                _replace(batches, lambda x: F.max_pool2d(x, 2))
        *before, last = layer.sources
        scale, shift = vgg.line(last)
        if theirs is ours and not before:
            weight, part = vgg.weight(last), 1.0
        else:
            theirs = list(theirs)  # from here on VGG's features and the network's differ
            for number in before:
                _replace(theirs, partial(vgg.respond, number))
                _replace(theirs, F.relu)
            _replace(theirs, partial(vgg.respond, last))
            near = vgg.weight(last) * scale[:, None, None, None] * (0.0 if before else 1.0)
            weight, shift, part = _fitted(ours, theirs, near)
            _replace(theirs, F.relu)
            scale = torch.ones_like(shift)
        _fill(layer, weight, scale, shift, ours)
        explained[layer.name] = round(part, 4)
    return explained


def _replace(batches: list[Tensor], change: Callable[[Tensor], Tensor]) -> None:
    """Change batches one by one in their list, so that few are held twice."""
    for place, batch in enumerate(batches):
        batches[place] = change(batch)


def _fitted(ours: Sequence[Tensor], wanted: Sequence[Tensor], near: Tensor) -> tuple[Tensor, Tensor, float]:
    outputs, inputs = near.shape[:2]
    seen, held_out = (Moments(inputs, outputs, device=near.device) for _ in range(2))
    patches = sum(batch[:, 0].numel() for batch in ours)
    step = max(1, patches // (PATCHES * inputs * KERNEL**2))
    for place, (features, batch) in enumerate(zip(ours, wanted, strict=True)):
        (held_out if place % HELD_OUT == 0 else seen).add(features, batch, step)
    return fit_convolution(seen, held_out, near)


def _fill(layer: Layer, weight: Tensor, scale: Tensor, shift: Tensor, features: list[Tensor]) -> None:
    """Let a layer compute ``scale * (weight ∗ x) + shift``; features become what it makes of them, after the ReLU."""
    _replace(features, lambda x: F.conv2d(x, weight, padding=1))
    mean, variance = channel_statistics(features)
    layer.conv.weight.copy_(weight)
    if layer.conv.bias is not None:
        layer.conv.bias.zero_()  # batch norm takes it away again
    norm = layer.norm
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(shift + scale * mean)
    for held, found in ((norm.running_mean, mean), (norm.running_var, variance)):
        assert held is not None
        held.copy_(found)
    _replace(features, lambda x: F.relu_(x.mul_(scale[:, None, None]).add_(shift[:, None, None])))
