"""What a training begins with: random or given weights, and how pixels are normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from landslide_cli.chips.chip import Chip
from landslide_cli.errors import ModelError
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.networks.registry import build_network
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.widen import widen

VALUE_RANGE = (0.0, 255.0)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A network in training mode and its normalisation.

    Attributes:
        network: The network.
        mean: Mean of each band, as part of the value range.
        std: Standard deviation of each band, as part of the value range.
        start: Checksum of the weights that it holds, empty for random ones.
    """

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    start: str = ""


def begin(recipe: Recipe, chips: Sequence[Chip]) -> Beginning:
    """Build the recipe's network; weights to start from bring their own normalisation.

    Weights of a narrower network of the same kind are widened.

    Raises:
        ModelError: the weights to start from aren't there or belong to another network.
    """
    if not recipe.start:
        return Beginning(build_network(recipe.network, **recipe.arguments), *pixel_statistics(chips, seed=recipe.seed))
    weights, card = find_model(recipe.start)
    network = load_network(weights, card)
    misfit = ModelError(
        f"{weights} holds {card.network} {card.arguments}, but the recipe trains {recipe.network} "
        f"{recipe.arguments}; training can only start from the same network, or a narrower one of its kind"
    )
    if card.network != recipe.network or _but_width(card.arguments) != _but_width(recipe.arguments):
        raise misfit
    if card.arguments != recipe.arguments:
        narrow, network = network, build_network(recipe.network, **recipe.arguments)
        try:
            widen(narrow, network, seed=recipe.seed)
        except ValueError as error:
            raise misfit from error
    return Beginning(network.train(), card.mean, card.std, card.sha256)


def _but_width(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "width"}


def pixel_statistics(
    chips: Sequence[Chip], *, seed: int, sample: int = 200
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each band over a sample of chips, as parts of the value range."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(chips), size=min(sample, len(chips)), replace=False)
    total, squares, count = np.zeros(3), np.zeros(3), 0
    for index in chosen:
        # The black margin of a letterbox says nothing about the imagery.
        pixels = replace(chips[index], letterbox=0).read_image().reshape(-1, 3) / VALUE_RANGE[1]
        total += pixels.sum(axis=0)
        squares += (pixels**2).sum(axis=0)
        count += len(pixels)
    mean = total / count
    std = np.sqrt(squares / count - mean**2)
    return tuple(round(float(v), 4) for v in mean), tuple(round(float(v), 4) for v in std)
