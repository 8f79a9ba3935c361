"""Encoders on disk: VGG-16 in the layouts of torchvision and CRAFT, and encoders that were fitted before."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from landslide_cli.errors import ModelError
from landslide_cli.files import staged
from landslide_cli.model.card import checksum
from landslide_cli.parsing import STRICT, parse_json
from landslide_cli.training.encoder import STAGES, VGG, encoder_layers

LAYOUTS = {
    "VGG-16-BN as torchvision names it": re.compile(r"(?:module\.)?features\.(\d+\.\w+)"),
    "VGG-16-BN inside CRAFT": re.compile(r"(?:module\.)?basenet\.slice[1-4]\.(\d+\.\w+)"),
}
NEEDED = (
    "needed is VGG-16 with batch norm as torchvision names it (features.0.weight ..., vgg16_bn-6c64b313.pth), "
    "CRAFT's detector, or an encoder that landslide has fitted before (encoder.safetensors of a training's folder)"
)
# By checksum, or as much of it as the file's publisher states.
LICENCES = {
    "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17": "CRAFT: MIT; EasyOCR: Apache-2.0",
    "6c64b313": "torchvision: BSD-3-Clause",
}
# Names that only one kind of network gives its layers.
LOOKS = (
    (r"(^|\.)layer1\.0\.conv3\.", "a ResNet-50 or deeper"),
    (r"(^|\.)layer1\.0\.conv[12]\.", "a ResNet"),
    (r"(^|\.)denseblock1\.", "a DenseNet"),
    (r"(^|\.)(patch_embed|encoder_layer_0|cls_token)", "a vision transformer"),
    (r"(^|\.)features\.1\.0\.block\.", "an EfficientNet or ConvNeXt"),
    (r"(^|\.)(stem|downs\.0\.1)\.0\.weight$", "a whole network of landslide, which --start takes"),
)
CHANNELS = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an encoder comes from, as the card tells it.

    Attributes:
        file: Name of the file that VGG-16 was read from.
        sha256: Its checksum.
        layout: How it names its layers.
        licence: What a user may do with it.
        explained: For each layer of the network, the part of the variance that it explains; 1 where it is a copy.
    """

    __pydantic_config__ = STRICT

    file: str
    sha256: str
    layout: str
    licence: str
    explained: dict[str, float]


def read_vgg(path: Path, *, licence: str = "") -> tuple[VGG, Origin]:
    """Read VGG-16 with batch norm; from pickles, numbers only.

    Args:
        path: ``.pth`` or ``.safetensors``.
        licence: What a user may do with it, where the file's checksum doesn't tell.

    Raises:
        ModelError: the file can't be read, or holds another network.
    """
    tensors = _read_tensors(path)
    layouts = {
        layout: {match[1]: tensor.float() for name, tensor in tensors.items() if (match := pattern.fullmatch(name))}
        for layout, pattern in LAYOUTS.items()
    }
    layout = max(layouts, key=lambda each: len(layouts[each]))
    if not layouts[layout]:
        raise ModelError(f"{path} holds {_look(tensors)}; {NEEDED}")
    vgg = VGG(layouts[layout])
    if odd := _difference(vgg):
        raise ModelError(f"{path} holds {odd}; {NEEDED}")
    sha256 = checksum(path)
    known = next((each for start, each in LICENCES.items() if sha256.startswith(start)), licence or "unknown")
    return vgg, Origin(path.name, sha256, layout, known, {})


def write_fitted(network: nn.Module, origin: Origin, path: Path) -> None:
    """Write the layers of an encoder that ``origin.explained`` names, as float16, with their origin."""
    names = _states(network, origin.explained)
    state = network.state_dict()
    tensors = {
        name: (state[name].half() if state[name].is_floating_point() else state[name]).contiguous().cpu()
        for name in sorted(names)
    }
    with staged(path) as place:
        place.write_bytes(save(tensors, {"encoder": json.dumps(asdict(origin))}))


def load_fitted(network: nn.Module, path: Path, *, licence: str = "") -> Origin | None:
    """Fill the encoder of a network from a file of `write_fitted`; None if the file is something else.

    Raises:
        ModelError: the file was fitted for another network, or is damaged.
    """
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, "pt") as src:
            told = (src.metadata() or {}).get("encoder")
            if told is None:
                return None
            tensors = {name: src.get_tensor(name).float() for name in src.keys()}  # noqa: SIM118 - no mapping
        origin = parse_json(Origin, told)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} can't be read as an encoder: {error}") from error
    layers = {layer.name for layer in encoder_layers(network)}
    state = network.state_dict()
    needed = _states(network, origin.explained) if origin.explained.keys() <= layers else set()
    if tensors.keys() != needed or any(state[name].shape != tensor.shape for name, tensor in tensors.items()):
        raise ModelError(
            f"{path} holds an encoder that was fitted for another network than {type(network).__name__}; "
            f"fit it anew from {origin.file}"
        )
    network.load_state_dict(tensors, strict=False)
    return replace(origin, licence=licence) if licence and origin.licence == "unknown" else origin


def encoder_parameters(network: nn.Module, layers: Collection[str]) -> set[str]:
    """Names of the parameters that belong to some of the `encoder_layers`."""
    return _states(network, layers) & dict(network.named_parameters()).keys()


def _states(network: nn.Module, layers: Collection[str]) -> set[str]:
    names = {id(part): name for name, part in network.named_modules()}
    chosen = [layer for layer in encoder_layers(network) if layer.name in layers]
    prefixes = tuple(f"{names[id(part)]}." for layer in chosen for part in (layer.conv, layer.norm))
    return {name for name in network.state_dict() if name.startswith(prefixes)}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as src:
                return {name: src.get_tensor(name) for name in src.keys()}  # noqa: SIM118 - no mapping
        held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds more than numbers, and nothing else is unpickled, since a pickle can run programs; {NEEDED}"
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(f"{path} can't be read as weights: {error}; {NEEDED}") from error
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    tensors = held if isinstance(held, dict) else {}
    return {name: tensor for name, tensor in tensors.items() if isinstance(name, str) and isinstance(tensor, Tensor)}


def _look(tensors: Collection[str]) -> str:
    for pattern, kind in LOOKS:
        if any(re.search(pattern, name) for name in tensors):
            return f"what looks like {kind}"
    shown = ", ".join(sorted(tensors)[:3])
    return f"no network that is known here ({shown} ...)" if shown else "no weights"


def _difference(vgg: VGG) -> str:
    """What a VGG is, if not VGG-16 with batch norm; conv5_3 may be missing."""
    tensors = vgg.tensors
    convolutions = {int(name.split(".")[0]) for name, tensor in tensors.items() if tensor.ndim == 4}
    if 2 in convolutions:
        return "a VGG without batch norm"
    expected = [number for stage in STAGES for number in stage]
    if not convolutions or convolutions - set(expected):
        kind = {8: "VGG-11-BN", 10: "VGG-13-BN", 16: "VGG-19-BN"}.get(len(convolutions))
        return f"what looks like {kind}" if kind else _look([f"features.{name}" for name in tensors])
    before = 3
    for number, channels in zip(expected, (width for stage in CHANNELS for width in stage), strict=True):
        wanted = {f"{number}.weight": (channels, before, 3, 3)} | {f"{number}.bias": (channels,)}
        wanted |= {f"{number + 1}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
        before = channels
        if number == expected[-1] and number not in convolutions:
            continue
        for name, shape in wanted.items():
            if name not in tensors:
                return f"a VGG-16 without {name}"
            if tuple(tensors[name].shape) != shape:
                return f"a VGG whose {name} has the shape {tuple(tensors[name].shape)} instead of {shape}"
    return ""
