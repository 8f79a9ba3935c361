"""What of a scene and of a probability raster can be seen, and in which colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landslide_cli.inventory.classes import probability_colour
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.report.tiles import Imagery
from landslide_cli.typing import Bytes, Indices, Pixels

CLASSES = 10


def scene_imagery(path: str | Path, bands: tuple[int, int, int], stretch: tuple[float, float]) -> Imagery:
    """A scene in red, green and blue.

    Args:
        path: The scene.
        bands: Its bands for them.
        stretch: Raw values that become black and white.
    """
    low, high = stretch

    def reduce(raw: Pixels) -> Bytes:
        if raw.dtype == np.uint8 and stretch == (0, 255):
            return raw.astype(np.uint8, copy=False)
        with np.errstate(invalid="ignore"):
            bright = (np.nan_to_num(raw.astype(np.float32)) - low) * np.float32(255 / (high - low))
        return bright.clip(0, 255).round().astype(np.uint8)

    return Imagery(path, bands, reduce, paint=lambda tile: tile)


def probability_imagery(path: str | Path) -> Imagery:
    """A probability raster, stored or of floating-point numbers, in ten classes; the lowest can't be seen."""
    colours = class_colours()

    def reduce(raw: Pixels) -> Bytes:
        if raw.dtype == np.uint8:
            return np.minimum(raw, STEPS).astype(np.uint8)
        return (np.nan_to_num(raw.astype(np.float32)) * STEPS).clip(0, STEPS).round().astype(np.uint8)

    def paint(tile: Bytes) -> Bytes:
        stored, opacity = tile
        painted = colours[class_of(stored)].transpose(2, 0, 1).copy()
        painted[3] = np.where(opacity > 127, painted[3], 0)
        return painted

    return Imagery(path, (1,), reduce, paint, lossless=True)


def class_of(stored: Bytes) -> Indices:
    """The tenth that each stored probability lies in, 0 … 9, in an array of the same shape."""
    return np.minimum(stored.astype(np.intp) * CLASSES // STEPS, CLASSES - 1)


def class_colours() -> Bytes:
    """Red, green, blue and opacity of each class, shape ``(10, 4)``."""
    colours = np.zeros((CLASSES, 4))
    colours[1:] = probability_colour(np.linspace(0, 1, CLASSES - 1))
    return colours.round().astype(np.uint8)
