"""Which chips are trained on, which choose threshold and step, and which choose nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from landslide_cli.chips.chip import Chip, find_chips, split_chips
from landslide_cli.errors import TrainingDataError
from landslide_cli.training.recipe import Recipe

TENTHS = (8, 9)  # training to the eighth tenth, validation to the ninth, then test


@dataclass(frozen=True, slots=True)
class Split:
    """The chips of a recipe, source by source, in their three parts."""

    training: dict[str, list[Chip]]
    validation: dict[str, list[Chip]]
    test: dict[str, list[Chip]]


def split_sources(recipe: Recipe, data: Path) -> Split:
    """Find the chips of every source below ``data`` and split them as the recipe says.

    Raises:
        TrainingDataError: a folder can't be used, or nothing is left for training.
    """
    found = {
        source.name: [
            replace(chip, letterbox=recipe.letterbox, rim=source.rim)
            for chip in find_chips(data / source.path, source.scale)
        ]
        for source in recipe.sources
    }
    split = _by_chance(found, recipe.seed) if recipe.split == "random" else _by_group(found, recipe)
    if not any(split.training.values()):
        raise TrainingDataError(f"{data}: every group is held out; leave some for training in the recipe")
    return split


def _by_group(found: dict[str, list[Chip]], recipe: Recipe) -> Split:
    parts = {name: split_chips(chips, validation=recipe.validation, test=recipe.test) for name, chips in found.items()}
    return Split(*({name: part[number] for name, part in parts.items()} for number in range(3)))


def _by_chance(found: dict[str, list[Chip]], seed: int) -> Split:
    """Eight, one and one tenth of all images, whatever their groups: the paper's way."""
    chips = [(name, chip) for name, part in found.items() for chip in part]
    order = np.random.default_rng(seed).permutation(len(chips))
    bounds = [len(chips) * tenth // 10 for tenth in TENTHS]
    sides: list[dict[str, list[Chip]]] = []
    for numbers in np.split(order, bounds):
        side: dict[str, list[Chip]] = {name: [] for name in found}
        for number in sorted(numbers):
            name, chip = chips[number]
            side[name].append(chip)
        sides.append(side)
    return Split(*sides)
