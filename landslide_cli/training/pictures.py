"""Validation chips side by side: the image, the image with its truth, the image with the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from landslide_cli.chips.chip import Chip

SIDE = 192  # of one chip on the sheet
GAP = 4
PICTURED = 8
TRUTH = (255, 213, 0)
PREDICTION = (255, 0, 96)


class Answered(Protocol):
    """A chip and its answer: pixels ``(3, H, W)`` uint8, truth bool and probability ``(H, W)``."""

    @property
    def pixels(self) -> Tensor: ...
    @property
    def truth(self) -> Tensor: ...
    @property
    def probability(self) -> Tensor: ...


def choose_pictured(chips: Sequence[Chip]) -> list[int]:
    """Numbers of a few chips, spread evenly; those with a mask come first."""
    masked = [number for number, chip in enumerate(chips) if chip.mask is not None]
    among = masked if len(masked) >= PICTURED else list(range(len(chips)))
    step = max(1, len(among) // PICTURED)
    return among[::step][:PICTURED]


def contact_sheet(seen: Sequence[Answered]) -> Image.Image:
    """One row for each chip: as it is, its truth in yellow, what was found in pink (the surer, the stronger)."""
    width = 3 * SIDE + 2 * GAP
    sheet = Image.new("RGB", (width, len(seen) * (SIDE + GAP) - GAP), "white")
    for row, chip in enumerate(seen):
        pixels = chip.pixels.permute(1, 2, 0).numpy()
        covers = (None, chip.truth.numpy().astype(np.float32), chip.probability.float().numpy())
        for column, (cover, colour) in enumerate(zip(covers, (TRUTH, TRUTH, PREDICTION), strict=True)):
            picture = pixels if cover is None else _tinted(pixels, cover, colour)
            small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            sheet.paste(small, (column * (SIDE + GAP), row * (SIDE + GAP)))
    return sheet


def _tinted(pixels: NDArray[np.uint8], cover: NDArray[np.float32], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    weight = 0.6 * cover[..., None]
    tinted = pixels * (1 - weight) + np.array(colour) * weight
    return tinted.astype(np.uint8)
