"""Decoded chips kept in memory: decoding costs a tenth of a step on two cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landslide_cli.chips.chip import Chip

Decoded = tuple[NDArray[np.uint8], NDArray[np.bool_]]


class ChipCache:
    """Reads chips and keeps the first ones that fit; what is drawn at random needs no cleverer order.

    Args:
        budget: Bytes that the kept arrays may take together.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._kept: dict[Chip, Decoded] = {}

    def read(self, chip: Chip) -> Decoded:
        """Give ``(image, mask)`` of a chip; they are shared, so they must not be written to."""
        if chip in self._kept:
            return self._kept[chip]
        image = chip.read_image()
        decoded = image, chip.read_mask(image.shape[:2])
        need = sum(array.nbytes for array in decoded)
        if need <= self.budget:
            self.budget -= need
            self._kept[chip] = decoded
        return decoded

    def divide(self, readers: int) -> None:
        """Leave each of several processes its part of what is left; what is kept already, they share."""
        self.budget //= readers
