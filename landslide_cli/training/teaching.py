"""A model taught further on a few corrected chips: the recipe where ``--start`` and chips are all that is given.

What the start is, it stays: network, working resolution, licence and known failures come from its card. What keeps it
from forgetting (docs/teach.md has the figures): a part of the truth is the start's own answer, below `FEW` chips the
encoder rests, the best step on chips held out is taken, and its weights go halfway back to the start's.
"""

from __future__ import annotations

import glob
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from landslide_cli.chips.chip import Chip
from landslide_cli.errors import ModelError
from landslide_cli.model.card import ModelCard
from landslide_cli.training.augment import Augmentation
from landslide_cli.training.recipe import Phase, Recipe, Source

FEW = 200
STEPS = 60
BATCH_PIXELS = 16 * 64 * 64
CHOSEN = 5  # every so many groups are held out
PATIENCE = 6


def teach(recipe: Recipe, card: ModelCard, chips: Sequence[Sequence[Chip]], steps: int | None) -> Recipe:
    """Complete the recipe of a model that is taught further.

    Args:
        recipe: Its ``start``, sources and seed.
        card: Of the start.
        chips: Those of each source.
        steps: Optimizer steps at most; `STEPS` by default.

    Raises:
        ModelError: the start was trained on letterboxed images.
    """
    if card.training.get("letterbox"):
        raise ModelError(
            f"{card.model_id} was trained on letterboxed images, which know no resolution; write a recipe to teach it"
        )
    low, high = card.resolution_m
    sources = tuple(replace(source, seen_m=_seen(source, low, high)) for source in recipe.sources)
    recipe = replace(recipe, network=card.network, arguments=card.arguments, sources=sources, resolution_m=(low, high))
    every = [chip for part in chips for chip in part]
    sides = [
        min(chip.size()) * recipe.zoom_of(source) for source, part in zip(sources, chips, strict=True) for chip in part
    ]
    size = min(256, max(64, round(statistics.median(sides) / 32) * 32))
    steps = steps or STEPS
    validation = held_out(every, recipe.seed)
    return replace(
        recipe,
        phases=(Phase(steps, min(16, max(4, BATCH_PIXELS // size**2)), size),),
        validation=validation,
        patience=PATIENCE if validation else 0,
        start_share=0.5,
        teacher=recipe.start,
        teacher_share=0.3,
        freeze="encoder" if len(every) < FEW else "none",
        learning_rate=1e-3,
        weight_decay=0.0,
        ema_decay=0.95,
        hard_every=max(1, steps // 4),
        augmentation=Augmentation(grey=0.1),
        tta=card.tta,
        licence=f"{card.licence} Taught further on other chips, whose own terms come on top.",
        known_failures=card.known_failures,
    )


def _seen(source: Source, low: float, high: float) -> tuple[float, float]:
    """Metres per pixel around those at which `detect` will show it."""
    metres = min(max(source.native_m, low), high)
    return metres / 1.25, metres * 1.25


def held_out(chips: Sequence[Chip], seed: int) -> tuple[str, ...]:
    """Choose whole groups that hold a fifth of the chips, with and without landslide alike.

    Returns:
        Patterns of the groups; none if fewer than three groups hold landslides.
    """
    sizes = Counter(chip.group for chip in chips)
    slides = {chip.group for chip in chips if chip.read_mask(chip.size()).any()}
    if len(slides) < 3:
        return ()
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    for kind in (slides, sizes.keys() - slides):
        groups = sorted(kind)
        wanted, taken = sum(sizes[group] for group in groups) / CHOSEN, 0
        for number in rng.permutation(len(groups))[: len(groups) // 2]:
            if taken >= wanted:
                break
            chosen.append(groups[number])
            taken += sizes[groups[number]]
    return tuple(sorted(map(glob.escape, chosen)))
