"""What is changed in a training crop, drawn at random: place, scale, orientation, light, haze, sharpness, holes.

The numbers are drawn here, on the processor, from the step's own generator; the pixels are changed by
`landslide_cli.training.changes`, a whole batch at a time, on the device that trains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Annotated, NamedTuple

import numpy as np
import torch
from annotated_types import Interval
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from landslide_cli.parsing import STRICT, Share
from landslide_cli.tiling.grid import mirrored
from landslide_cli.training.cache import IGNORED, Decoded, Level

# A level of a chip is taken where a pixel of the crop covers between these many of its pixels.
FINEST, COARSEST = 0.7, 1.4
# Sides of a square that holds any rotation of a smaller one.
DIAGONAL = math.sqrt(2)
# Landslides seen often are learned well: most crops lie near one, some at what is as bright and isn't one.
NEAR_LANDSLIDE, AT_BRIGHT = 0.65, 0.15


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How often and how far the random changes go; probabilities lie between 0 and 1."""

    __pydantic_config__ = STRICT

    scale_jitter: Annotated[float, Interval(ge=1, le=100)] = 1.5
    """Zoom between 1/1.5 and 1.5, log-uniform, where a source has no ``seen_m``."""
    rotate: Share = 0.3
    """Free rotation; the eight right-angled views come always."""
    stretch: Share = 0.0
    """Bands stretched to the chip's darkest and brightest pixels, as many products are."""
    colour: Share = 0.8
    """Gamma, gain of each band, contrast, brightness and saturation."""
    grey: Share = 0.0
    """Most or all of the colour taken away."""
    tint: Share = 0.08
    """Spread of each band's gain."""
    dark: Share = 0.0
    """Down to a fifth of the brightness."""
    blur: Share = 0.15
    """Up to 1.5 pixels."""
    haze: Share = 0.1
    """Up to two fifths of a bright veil."""
    noise: Share = 0.0
    """Up to a twentieth of the range."""
    jpeg: Share = 0.2
    """Quality between 40 and 90."""
    levels: Share = 0.0
    """Few grey levels: 24 to 96 in all."""
    collar: Share = 0.0
    """Ground without pixels: edges, corners, stripes, what surrounds a disc; filled and out of the loss."""
    cutmix: Share = 0.0
    """A box of another crop pasted in."""


class Changes(NamedTuple):
    """What is done to each of N crops, float32.

    Attributes:
        geometry: ``(N, 2, 3)``: from ``(x, y, 1)`` of the crop, counted from its centre, to the window's pixels.
        ends: ``(N, 2, 3)``: values between 0 and 1 that a stretch makes 0 and 1, band by band.
        light: ``(N, 6)``: gamma, saturation, contrast, brightness, factor of darkness, share of grey.
        gains: ``(N, 3)``: factor of each band.
        veil: ``(N, 4)``: colour of the haze and how much of it.
        sharpness: ``(N, 4)``: blur in pixels, noise, quality of JPEG (0: none), number of grey levels (0: all).
        collar: ``(N, 5)``: kind (see `landslide_cli.training.changes`), two directions, position and period.
        box: ``(N, 4)``: left, top, right, bottom of what is pasted from the crop before.
    """

    geometry: Tensor
    ends: Tensor
    light: Tensor
    gains: Tensor
    veil: Tensor
    sharpness: Tensor
    collar: Tensor
    box: Tensor


@dataclass(frozen=True, slots=True)
class Cut:
    """One crop before it is changed: a square of a chip's level that holds it, and its changes without the N."""

    window: Level
    changes: Changes


def window_side(size: int) -> int:
    """Side of the square that holds any crop of ``size`` pixels before it is turned and scaled."""
    return 2 * math.ceil(size * COARSEST * DIAGONAL / 2) + 2


def cut(rng: Generator, chip: Decoded, *, size: int, zooms: tuple[float, float], augmentation: Augmentation) -> Cut:
    """Choose a crop of a chip and what is done to it.

    Args:
        rng: Source of every random choice.
        chip: The chip.
        size: Side of the crop in pixels.
        zooms: Smallest and largest number of crop pixels per pixel of the chip; drawn log-uniform between them.
        augmentation: What may happen.

    Returns:
        The window has the side `window_side`; where it leaves the chip, the chip is mirrored, as `detect` mirrors a
        scene.
    """
    ratio = 1 / math.exp(rng.uniform(math.log(zooms[0]), math.log(zooms[1])))  # pixels of the chip for each of the crop
    row, col = _choose_centre(rng, chip, round(size * ratio))
    number = min(max(0, math.floor(math.log2(ratio / FINEST))), len(chip.levels) - 1)
    level = chip.levels[number]
    ratio = min(ratio / 2**number, COARSEST)
    side = window_side(size)
    top, left = (math.floor(place / 2**number) - side // 2 for place in (row, col))
    rows, cols = mirrored(top, side, level.shape[0]), mirrored(left, side, level.shape[1])
    # Four bytes at a time are fetched four times as fast.
    window = level.view(np.uint32)[..., 0][np.ix_(rows, cols)].view(np.uint8).reshape(side, side, 4)
    angle = rng.uniform(-45, 45) if rng.random() < augmentation.rotate else 0.0
    angle = math.radians(angle) + rng.integers(4) * math.pi / 2
    flip = -1 if rng.random() < 0.5 else 1
    cosine, sine = ratio * math.cos(angle), ratio * math.sin(angle)
    if angle % (math.pi / 2) == 0:
        cosine, sine = round(math.cos(angle)) * ratio, round(math.sin(angle)) * ratio
    geometry = [[flip * cosine, -sine, col / 2**number - left], [flip * sine, cosine, row / 2**number - top]]
    return Cut(window, Changes(_numbers(geometry), *_drawn(rng, chip.ends, size, augmentation)))


def together(cuts: list[Cut]) -> tuple[Tensor, Changes]:
    """Windows, uint8 ``(N, side, side, 4)``, and changes of a batch."""
    columns = zip(*(one.changes for one in cuts), strict=True)
    windows = torch.from_numpy(np.stack([one.window for one in cuts]))
    return windows, Changes(*(torch.stack(column) for column in columns))


def _choose_centre(rng: Generator, chip: Decoded, side: int) -> tuple[int, int]:
    """Mostly near a landslide pixel, if there is one, so that small slides are seen often."""
    height, width = chip.levels[0].shape[:2]
    number = min(2, len(chip.levels) - 1)  # looked up in a small one, which is quick
    truth = chip.levels[number][..., 3]
    dice = rng.random()
    among = None
    if dice < NEAR_LANDSLIDE:
        among = np.flatnonzero((truth > 0) & (truth != IGNORED))
    elif dice < NEAR_LANDSLIDE + AT_BRIGHT:
        bright = chip.levels[number][..., :3].max(axis=2)
        among = np.flatnonzero((truth == 0) & (bright >= np.percentile(bright, 85)))
    if among is None or not len(among):
        return int(rng.integers(height)), int(rng.integers(width))
    row, col = divmod(int(rng.choice(among)), truth.shape[1])
    reach = side // 3
    row, col = (place * 2**number + 2**number // 2 + int(rng.integers(-reach, reach + 1)) for place in (row, col))
    return row, col


def _drawn(rng: Generator, ends: NDArray[np.float32], size: int, augmentation: Augmentation) -> tuple[Tensor, ...]:
    """All changes but the geometry, in the order of `Changes`."""
    happens = {entry.name: rng.random() < getattr(augmentation, entry.name) for entry in fields(augmentation)}
    stretch = np.array([[0.0] * 3, [1.0] * 3])
    if happens["stretch"]:
        dark, bright = ends.astype(np.float64)
        if rng.random() < 0.3:  # one line for all bands
            dark, bright = np.full(3, dark.min()), np.full(3, bright.max())
        reach = np.maximum(bright - dark, 0.1)
        stretch = np.stack([dark + rng.uniform(-0.1, 0.1) * reach, bright + rng.uniform(-0.25, 0.25) * reach])
    light, gains = [1.0, 1.0, 1.0, 0.0, 1.0, 0.0], np.ones(3)
    if happens["colour"]:
        light[:3] = map(math.exp, rng.uniform([-0.4, -0.6, -0.35], [0.4, 0.4, 0.35]))
        light[3] = rng.uniform(-0.12, 0.12)
        gains = np.exp(rng.normal(0, augmentation.tint, size=3))
    if happens["dark"]:
        light[4] = math.exp(rng.uniform(math.log(0.2), 0))
    if happens["grey"]:
        light[5] = rng.uniform(0.5, 1)
    veil = [*rng.uniform(0.65, 1, size=3), rng.uniform(0.05, 0.4) if happens["haze"] else 0.0]
    sharpness = [
        rng.uniform(0.3, 1.5) if happens["blur"] else 0.0,
        rng.uniform(0.005, 0.05) if happens["noise"] else 0.0,
        rng.uniform(40, 90) if happens["jpeg"] else 0.0,
        rng.uniform(24, 96) if happens["levels"] else 0.0,
    ]
    collar = [float(rng.integers(1, 5)) if happens["collar"] else 0.0, *rng.uniform(-math.pi, math.pi, size=2),
              rng.uniform(-0.3, 0.45) * size, rng.uniform(0.15, 0.6) * size]  # fmt: skip
    box = np.zeros(4)
    if happens["cutmix"]:
        # Yun et al. 2019, "CutMix", equation 2: the area is uniform between none and all of the crop.
        reach = size * math.sqrt(rng.random()) / 2
        col, row = rng.random(2) * size
        box = np.array([col - reach, row - reach, col + reach, row + reach]).round().clip(0, size)
    return tuple(map(_numbers, (stretch, light, gains, veil, sharpness, collar, box)))


def _numbers(values: object) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
