"""What a training begins with: random weights, given ones or an encoder, and how pixels are normalised."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from landslide_cli.chips.chip import Chip
from landslide_cli.errors import ModelError
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.networks.registry import build_network
from landslide_cli.tiling.grid import mirrored
from landslide_cli.training.batches import Pool
from landslide_cli.training.encoder import HELD_OUT, MEAN, STD, fit_encoder
from landslide_cli.training.encoder_files import Origin, load_fitted, read_vgg, write_fitted
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.widen import widen

BANDS = ("red", "green", "blue")
# Of chips, which come as 8-bit pixels whatever the range of the sensor: `Chip.scale` has stretched them.
VALUE_RANGE = (0.0, 255.0)
# Imagery that an encoder is fitted to.
CROPS, SIDE, TOGETHER = 640, 96, 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A network in training mode and its normalisation.

    Attributes:
        network: The network.
        mean: Mean of each band, as part of the value range.
        std: Standard deviation of each band, as part of the value range.
        start: Card of the weights that it holds; None for random ones.
        encoder: Where its encoder comes from, if it isn't random or part of other weights.
    """

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    start: ModelCard | None = None
    encoder: Origin | None = None


def begin(recipe: Recipe, pools: Sequence[Pool], run_dir: Path) -> Beginning:
    """Build the recipe's network; weights to start from, or an encoder, bring their own normalisation.

    Weights of a narrower network of the same kind are widened. An encoder of VGG-16 is fitted to the network once
    and kept in ``run_dir/encoder.safetensors``.

    Raises:
        ModelError: the weights to start from or the encoder aren't there or belong to another network.
    """
    if recipe.encoder:
        network = build_network(recipe.network, **recipe.arguments)
        return Beginning(network, MEAN, STD, encoder=_take_encoder(network, recipe, pools, run_dir))
    if not recipe.start:
        chips = [chip for pool in pools for chip in pool.chips]
        return Beginning(build_network(recipe.network, **recipe.arguments), *pixel_statistics(chips, seed=recipe.seed))
    weights, card = find_model(recipe.start)
    network = load_network(weights, card)
    misfit = ModelError(
        f"{weights} holds {card.network} {card.arguments}, but the recipe trains {recipe.network} "
        f"{recipe.arguments}; training can only start from the same network, or a narrower one of its kind"
    )
    if card.bands != BANDS:
        raise ModelError(
            f"{weights} takes {', '.join(card.bands)}; chips are {', '.join(BANDS)}, so training can't start from it"
        )
    if card.network != recipe.network or _but_width(card.arguments) != _but_width(recipe.arguments):
        raise misfit
    if card.arguments != recipe.arguments:
        narrow, network = network, build_network(recipe.network, **recipe.arguments)
        try:
            widen(narrow, network, seed=recipe.seed)
        except ValueError as error:
            raise misfit from error
    return Beginning(network.train(), card.mean, card.std, card)


def _take_encoder(network: nn.Module, recipe: Recipe, pools: Sequence[Pool], run_dir: Path) -> Origin:
    file, kept = Path(recipe.encoder), run_dir / "encoder.safetensors"
    if origin := load_fitted(network, file, licence=recipe.encoder_licence):
        return origin
    vgg, origin = read_vgg(file, licence=recipe.encoder_licence)
    before = load_fitted(network, kept) if kept.is_file() else None
    if before is None or before.sha256 != origin.sha256:
        logger.info("fitting the encoder of %s to VGG-16 of %s: this takes some minutes", recipe.network, file)
        place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        explained = fit_encoder(network.to(place), vgg, sample_crops(recipe, pools))
        run_dir.mkdir(parents=True, exist_ok=True)
        write_fitted(network, replace(origin, explained=explained), kept)
        network.cpu()
    # Read back in any case, so that a training that is gone on with begins as an unbroken one.
    found = load_fitted(network, kept, licence=recipe.encoder_licence)
    if found is None:
        raise ModelError(f"{kept} is no encoder; remove it")
    fitted = ", ".join(f"{name} {part:.0%}" for name, part in found.explained.items() if part < 1)
    logger.info("encoder of %s; variance explained where layers are fitted: %s", file, fitted or "none are")
    return found


def sample_crops(recipe: Recipe, pools: Sequence[Pool]) -> Iterator[Tensor]:
    """Training imagery at the zoom at which the model works, by the pools' shares: uint8 ``(N, 3, SIDE, SIDE)``.

    The batches that `fit_encoder` judges by show chips that the others don't.
    """
    rng = np.random.default_rng(recipe.seed)
    filled = [pool for pool in pools if pool.chips]
    shares = np.array([pool.share for pool in filled])
    chosen = rng.choice(len(filled), size=CROPS, p=shares / shares.sum())
    for place, numbers in enumerate(chosen.reshape(-1, TOGETHER)):
        judging = place % HELD_OUT == 0
        crops = []
        for pool in (filled[number] for number in numbers):
            chips = [chip for n, chip in enumerate(pool.chips) if (n % HELD_OUT == 0) == judging] or pool.chips
            image = Image.fromarray(chips[int(rng.integers(len(chips)))].read_image())
            zoom = recipe.zoom * pool.zoom
            size = max(1, round(image.width * zoom)), max(1, round(image.height * zoom))
            pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
            top, left = (int(rng.integers(max(1, length - SIDE + 1))) for length in pixels.shape[:2])
            rows, cols = mirrored(top, SIDE, pixels.shape[0]), mirrored(left, SIDE, pixels.shape[1])
            crops.append(pixels[np.ix_(rows, cols)])
        yield torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)


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
