"""Decoded chips kept in memory, each at several resolutions: decoding costs a tenth of a step on two cores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from landslide_cli.chips.chip import Chip
from landslide_cli.chips.decode import LANDSLIDE as TRUE
from landslide_cli.chips.decode import UNKNOWN

# What the truth of a pixel is in its fourth byte; between NOTHING and LANDSLIDE, the part of it that is landslide.
NOTHING, LANDSLIDE, IGNORED = 0, 200, 255
SMALLEST_LEVEL = 16
# What is darker or brighter than all but these parts of a chip's pixels, for stretches band by band.
DARKEST, BRIGHTEST = 0.5, 99.5

Level = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A chip in memory; the arrays are shared, so they must not be written to.

    Attributes:
        levels: uint8, shape ``(height, width, 4)``: red, green, blue and truth. Each level after the first has half
            the rows and columns of the one before.
        ends: float32, shape ``(2, 3)``: how dark and how bright each band is, as parts of 255.
    """

    levels: tuple[Level, ...]
    ends: NDArray[np.float32]

    @property
    def image(self) -> NDArray[np.uint8]:
        """Pixels, uint8, shape ``(height, width, 3)``."""
        return self.levels[0][..., :3]

    @property
    def landslide(self) -> NDArray[np.bool_]:
        """True where there is landslide, shape ``(height, width)``."""
        truth = self.levels[0][..., 3]
        return (truth > LANDSLIDE // 2) & (truth != IGNORED)

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where the truth counts, shape ``(height, width)``."""
        return self.levels[0][..., 3] != IGNORED

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(level.nbytes for level in self.levels)


def decode(chip: Chip) -> Decoded:
    """Read a chip and halve it until it is small."""
    image = chip.read_image()
    marks = chip.read_truth(image.shape[:2])
    mask = marks == TRUE
    truth = np.where(mask, np.uint8(LANDSLIDE), np.uint8(NOTHING))
    if chip.rim and mask.any():
        truth[binary_dilation(mask, iterations=chip.rim) & binary_dilation(~mask, iterations=chip.rim)] = IGNORED
    truth[marks == UNKNOWN] = IGNORED
    levels = [np.dstack([image, truth])]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL:
        levels.append(_halved(levels[-1]))
    ends = np.percentile(image[::2, ::2].reshape(-1, 3), [DARKEST, BRIGHTEST], axis=0) / 255
    return Decoded(tuple(levels), ends.astype(np.float32))


def _halved(level: Level) -> Level:
    """Means of two by two pixels; ignored where half of them or more are ignored."""
    level = np.pad(level, ((0, level.shape[0] % 2), (0, level.shape[1] % 2), (0, 0)), mode="edge")
    fours = level.reshape(level.shape[0] // 2, 2, level.shape[1] // 2, 2, 4).swapaxes(1, 2).reshape(-1, 4, 4)
    means = (fours.sum(axis=1, dtype=np.uint16) + 2) // 4
    ignored = fours[..., 3] == IGNORED
    if ignored.any():
        count = 4 - ignored.sum(axis=1)
        known = np.where(ignored, 0, fours[..., 3]).sum(axis=1, dtype=np.uint16)
        means[:, 3] = np.where(count > 2, known // np.maximum(count, 1), IGNORED)
    return means.astype(np.uint8).reshape(level.shape[0] // 2, level.shape[1] // 2, 4)


class ChipCache:
    """Reads chips and keeps the first ones that fit; what is drawn at random needs no cleverer order.

    Args:
        budget: Bytes that the kept chips may take together.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: dict[Chip, Decoded] = {}

    def read(self, chip: Chip) -> Decoded:
        """Give a chip, decoded."""
        if chip in self._kept:
            return self._kept[chip]
        decoded = decode(chip)
        if decoded.bytes <= self.budget:
            self.budget -= decoded.bytes
            self._kept[chip] = decoded
        return decoded

    def divide(self, readers: int) -> None:
        """Leave each of several processes its part of what is left; what is kept already, they share."""
        self.budget //= readers
