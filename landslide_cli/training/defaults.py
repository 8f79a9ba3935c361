"""Recipes for folders of chips that come without one: the default protocol and the paper's."""

from __future__ import annotations

import glob
import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyproj
from numpy.random import Generator

from landslide_cli.chips.chip import BIJIE_FOLDERS, Chip, find_chips, is_bijie
from landslide_cli.chips.decode import TIFF_SUFFIXES
from landslide_cli.errors import ModelError, TrainingDataError
from landslide_cli.model.weights import find_model
from landslide_cli.scene.ground import ground_resolution
from landslide_cli.scene.opening import opened
from landslide_cli.training.augment import Augmentation
from landslide_cli.training.recipe import Phase, Recipe, Source
from landslide_cli.training.split import TENTHS
from landslide_cli.training.teaching import teach

NETWORK = "msasnet"
STEPS = 4000
COARSE_BATCH, TAUGHT_BATCH = 16, 8
PAPER_EPOCHS, PAPER_BATCH, PAPER_SIZE = 200, 8, 512
EMPTY_SHARE = 0.3  # of the crops, where there are images without landslide
MEASURED = 20  # chips whose georeference is looked at
PLAIN = Augmentation(scale_jitter=1, rotate=0, colour=0, blur=0, haze=0, jpeg=0)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line may say of a training without a recipe; None takes the protocol's own."""

    network: str | None = None
    protocol: str = "default"
    seed: int = 0
    steps: int | None = None
    epochs: float | None = None
    resolution_m: float | None = None
    scale: tuple[float, float] | None = None
    start: str | None = None
    encoder: Path | None = None


def make_recipe(model_id: str, folders: Sequence[Path], wish: Wish) -> Recipe:
    """Build the recipe of a protocol for some folders of chips.

    Raises:
        TrainingDataError: a folder can't be used, or its metres per pixel aren't known.
        ModelError: the model to start from isn't there, or is another network than the one asked for.
    """
    card = find_model(wish.start)[1] if wish.start else None
    if card and wish.network not in (None, card.network):
        raise ModelError(f"{card.model_id} is the network {card.network}, not {wish.network}; leave --network out")
    places = [place for folder in folders for place in _places(folder)]
    chips = [find_chips(place, wish.scale) for place in places]
    known = [wish.resolution_m or measured_resolution(part) for part in chips]
    for place, resolution in zip(places, known, strict=True):
        if resolution is None:
            raise TrainingDataError(
                f"the chips of {place} don't say how many metres a pixel covers; give it with --resolution"
            )
    metres = [resolution for resolution in known if resolution is not None]
    sources = tuple(
        Source(name, str(place), share, (resolution, resolution), scale=wish.scale)
        for name, place, share, resolution in zip(_names(places), places, _shares(chips), metres, strict=True)
    )
    every = [chip for part in chips for chip in part]
    recipe = Recipe(
        model_id=model_id, sources=sources, phases=(Phase(1, 1, PAPER_SIZE),), network=wish.network or NETWORK,
        seed=wish.seed, resolution_m=(min(metres), max(metres)), start=wish.start or "",
        encoder=str(wish.encoder or ""),
        licence="not stated: that of the chips it was trained on",
    )  # fmt: skip
    if card:
        return teach(recipe, card, chips, _steps(wish, len(every), TAUGHT_BATCH))
    return _as_in_the_paper(recipe, every, wish) if wish.protocol == "paper" else _as_we_do(recipe, every, wish)


def _as_in_the_paper(recipe: Recipe, chips: Sequence[Chip], wish: Wish) -> Recipe:
    """Zhou et al. 2024: letterbox to 512, 8:1:1, SGD of learning rate 1e-4, batches of 8, 200 epochs.

    The paper states neither momentum (0.9 here) nor weight decay (none), schedule (none), loss (that of the
    default protocol) and augmentation (none).
    """
    epochs = PAPER_EPOCHS if wish.epochs is None else wish.epochs
    steps = wish.steps or math.ceil(epochs * (len(chips) * TENTHS[0] // 10) / PAPER_BATCH)
    return replace(
        recipe,
        phases=(Phase(max(1, steps), PAPER_BATCH, PAPER_SIZE),),
        letterbox=PAPER_SIZE, split="random", optimizer="sgd", learning_rate=1e-4, momentum=0.9, weight_decay=0.0,
        schedule="constant", warmup=0.0, ema_decay=0.0, augmentation=PLAIN,
    )  # fmt: skip


def _as_we_do(recipe: Recipe, chips: Sequence[Chip], wish: Wish) -> Recipe:
    """Crops at half size first, which cost a quarter and see twice as far, then at full size."""
    steps = _steps(wish, len(chips), COARSE_BATCH) or STEPS
    first = steps * 3 // 5
    coarse = (Phase(first, COARSE_BATCH, 128, zoom=0.5),) if first else ()
    phases = (*coarse, Phase(steps - first, 8, 256))
    validation, test = held_out_groups(chips, recipe.seed)
    return replace(
        recipe,
        phases=phases,
        split="groups" if validation else "random",
        validation=validation,
        test=test,
        patience=10 if validation or len(chips) >= 10 else 0,
        hard_every=max(1, steps // 4) if any(chip.mask is None for chip in chips) else 0,
    )


def _steps(wish: Wish, chips: int, batch: int) -> int | None:
    """Steps as they were wished for, by their number or by how often each chip is seen."""
    if wish.epochs is None:
        return wish.steps
    return max(2, math.ceil(wish.epochs * chips * TENTHS[0] / 10 / batch))


def held_out_groups(chips: Sequence[Chip], seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose whole groups for validation and test at random.

    Each gets a tenth of the chips of groups with landslides, and a tenth of those of groups without.

    Returns:
        Patterns of the groups; none if each chip is a group of its own, or fewer than three groups hold landslides.
    """
    sizes = Counter(chip.group for chip in chips)
    masked = {chip.group for chip in chips if chip.mask is not None}
    if max(sizes.values()) == 1 or len(masked) < 3:
        return (), ()
    rng = np.random.default_rng(seed)
    chosen = [
        _draw_groups({group: sizes[group] for group in sorted(kind)}, rng) for kind in (masked, sizes.keys() - masked)
    ]
    validation, test = ([glob.escape(group) for part in chosen for group in part[side]] for side in range(2))
    return tuple(sorted(validation)), tuple(sorted(test))


def _draw_groups(sizes: dict[str, int], rng: Generator) -> tuple[list[str], list[str]]:
    """Draw groups until each part holds a tenth; the largest stay for training as long as others are left."""
    parts: tuple[list[str], list[str]] = ([], [])
    if len(sizes) < 3:
        return parts
    smaller = sorted(sizes, key=lambda group: sizes[group])[: max(2, len(sizes) * 2 // 3)]
    left = [smaller[number] for number in rng.permutation(len(smaller))]
    for part in parts:
        while left and (not part or sum(sizes[group] for group in part) < sum(sizes.values()) / 10):
            if part and len(left) == 1 and not parts[1]:
                break  # the last one is for the part that has none yet
            part.append(left.pop())
    return parts


def measured_resolution(chips: Sequence[Chip]) -> float | None:
    """Metres per pixel of georeferenced chips (the median); None where they aren't."""
    found = []
    for chip in chips[:MEASURED]:
        if chip.image.suffix.lower() in TIFF_SUFFIXES:
            with opened(chip.image) as src:
                if src.crs is not None:
                    crs = pyproj.CRS.from_user_input(src.crs)
                    found.append(ground_resolution(crs, src.transform, src.height, src.width))
    metres = [math.sqrt(down * across) for down, across in filter(None, found)]
    return round(statistics.median(metres), 3) if metres else None


def _places(folder: Path) -> list[Path]:
    return [folder / name for name in BIJIE_FOLDERS] if is_bijie(folder) else [folder]


def _names(places: Sequence[Path]) -> list[str]:
    """A name for each source: as few of the last folders as tell them apart."""
    for depth in range(1, 9):
        names = ["-".join(part for part in place.parts[-depth:] if re.search(r"\w", part)) for place in places]
        if len(set(names)) == len(names):
            return names
    raise TrainingDataError("a folder of chips is named twice; name each once")


def _shares(chips: Sequence[Sequence[Chip]]) -> list[float]:
    """Sources share the crops by their number of chips, those without any mask take ``EMPTY_SHARE`` together."""
    counts = np.array([len(part) for part in chips], dtype=float)
    empty = np.array([all(chip.mask is None for chip in part) for part in chips])
    if empty.any() and not empty.all():
        counts[empty] *= EMPTY_SHARE / counts[empty].sum()
        counts[~empty] *= (1 - EMPTY_SHARE) / counts[~empty].sum()
    return [round(float(share), 4) for share in counts / counts.sum()]
