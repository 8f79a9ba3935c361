"""Weights on disk: finding them, checking them against their card, loading them, writing them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landslide_cli.errors import ModelError
from landslide_cli.files import staged
from landslide_cli.model.card import ModelCard, checksum, read_card
from landslide_cli.model.openvino import read_openvino_model

if TYPE_CHECKING:
    from torch import nn

DEFAULT_MODEL = "msasnet-rgb"


def weights_folder() -> Path:
    """Where the shipped weights lie: in the package, or beside it in an editable install."""
    package = Path(__file__).parents[1]
    return package / "weights" if (package / "weights").is_dir() else package.parent / "weights"


def installed_weights() -> list[Path]:
    """The weights that can be named by their id, in its order."""
    return sorted(weights_folder().glob("*.safetensors"))


def find_model(model: str | Path) -> tuple[Path, ModelCard]:
    """Find a model by its id, by the path of its ``.safetensors`` file or of an exported OpenVINO ``.xml``.

    Returns:
        ``(weights, card)``; the weights themselves aren't read.

    Raises:
        ModelError: nothing of that name is installed, or a file of the pair is missing.
    """
    named = Path(model)
    if named.suffix == ".xml":
        return named, read_openvino_model(named).card
    weights = named if named.suffix == ".safetensors" else weights_folder() / f"{model}.safetensors"
    if not weights.is_file():
        installed = ", ".join(path.stem for path in installed_weights()) or "none"
        raise ModelError(f"no model {str(model)!r}: {weights} is missing; installed: {installed}")
    return weights, read_card(weights.with_suffix(".json"))


def files_of_model(model: str | Path) -> list[Path]:
    """The files that a model consists of as far as they are there, by what `find_model` takes."""
    named = Path(model)
    if named.suffix not in (".xml", ".safetensors"):
        named = weights_folder() / f"{model}.safetensors"
    return [file for ending in (named.suffix, ".json", ".bin") if (file := named.with_suffix(ending)).is_file()]


def refuse_damaged(weights: Path, card: ModelCard) -> None:
    """Compare the weights with their card.

    Raises:
        ModelError: the checksum isn't what the card promises, or these aren't torch's weights.
    """
    if weights.suffix != ".safetensors":
        raise ModelError(f"{weights} is an OpenVINO model; name the .safetensors file of {card.model_id} for torch")
    found = checksum(weights)
    if found != card.sha256:
        raise ModelError(
            f"{weights}: checksum {found[:12]}… is not the {card.sha256[:12]}… of its card; "
            "the file is damaged or belongs to another card: install it again"
        )


def load_network(weights: Path, card: ModelCard) -> nn.Module:
    """Build the card's network and fill it with the weights, as float32, in eval mode.

    Raises:
        ModelError: the checksum, a key or a shape isn't what the card promises, or a number is NaN or infinite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from landslide_cli.networks.registry import build_network

    refuse_damaged(weights, card)
    network = build_network(card.network, **card.arguments)
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
        network.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelError(f"{weights} does not fit network {card.network} of its card: {reason}") from error
    spoilt = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if spoilt:
        raise ModelError(f"{weights} holds NaN or infinity in {spoilt[0]}; such a network can't answer: train it anew")
    return network.eval()


def write_confidence(model: str | Path, entry: dict[str, Any]) -> Path:
    """Write the classes of confidence into the card of a model, and give its path.

    Raises:
        ModelError: there is no such model, or its card lies inside of an exported one.
        OutputError: the card can't be replaced.
    """
    weights, card = find_model(model)
    if weights.suffix == ".xml":
        raise ModelError(f"{weights} holds its card inside; give the .safetensors file, and export it again")
    path = weights.with_suffix(".json")
    with staged(path) as place:
        replace(card, confidence=entry).write(place)
    return path


def write_weights(network: nn.Module, path: Path) -> str:
    """Write the network's numbers as float16 and give their checksum."""
    import torch
    from safetensors.torch import save

    tensors = {
        name: (tensor.to(torch.float16) if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    # save_file would make a file that only its owner can read.
    path.write_bytes(save(tensors))
    return checksum(path)
