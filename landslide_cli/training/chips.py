"""Chips on disk: images with masks, and images known to hold no landslide."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslide_cli.errors import TrainingDataError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Chip:
    """One training image with its mask.

    ``mask`` is None for an image without any landslide. ``group`` names the site: chips of one
    group never stand on both sides of a split.
    """

    image: Path
    mask: Path | None
    group: str

    def read_image(self) -> NDArray[np.uint8]:
        """Read the pixels: uint8, shape ``(height, width, 3)``."""
        with Image.open(self.image) as image:
            return np.asarray(image.convert("RGB"))

    def read_mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Read the truth: bool, shape ``(height, width)``, True where there is landslide."""
        if self.mask is None:
            return np.zeros(shape, dtype=bool)
        with Image.open(self.mask) as mask:
            return np.asarray(mask.convert("L")) > 127

    def size(self) -> tuple[int, int]:
        """Give ``(height, width)`` without decoding the pixels."""
        with Image.open(self.image) as image:
            return image.height, image.width


def find_chips(folder: Path) -> list[Chip]:
    """Find the chips of one folder, in the order of their names.

    ``folder/image`` with ``folder/mask`` beside it holds chips with masks of the same stem; a folder
    without ``mask`` holds images without landslide, in itself or in subfolders. Groups come from a
    ``groups.csv`` (columns ``stem``, ``group``) in the folder or its parent; else each stem is its own.

    Raises:
        TrainingDataError: nothing is there, an image and a mask lack their partner, or their sizes differ.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"{folder} is not a folder; name one that holds image/ (and mask/)")
    groups = _read_groups(folder)
    images = _by_stem(folder / "image" if (folder / "image").is_dir() else folder)
    if not images:
        raise TrainingDataError(f"{folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    masks: dict[str, Path] | None = _by_stem(folder / "mask") if (folder / "mask").is_dir() else None
    if masks is not None and images.keys() ^ masks.keys():
        raise TrainingDataError(f"{folder}: without a partner of the same stem: {_list(images.keys() ^ masks.keys())}")
    chips = [
        Chip(path, None if masks is None else masks[stem], groups.get(stem, stem))
        for stem, path in sorted(images.items())
    ]
    _refuse_unequal_sizes(folder, chips)
    return chips


def split_chips(
    chips: Iterable[Chip], *, validation: Sequence[str], test: Sequence[str]
) -> tuple[list[Chip], list[Chip], list[Chip]]:
    """Split by group into ``(training, validation, test)``.

    ``validation`` and ``test`` are patterns as in a shell (``nls-1?``), matched against the group.
    """
    parts: tuple[list[Chip], list[Chip], list[Chip]] = ([], [], [])
    for chip in chips:
        part = 2 if _matches(chip.group, test) else 1 if _matches(chip.group, validation) else 0
        parts[part].append(chip)
    return parts


def _matches(group: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(group, pattern) for pattern in patterns)


def _by_stem(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES}


def _read_groups(folder: Path) -> dict[str, str]:
    for place in (folder, folder.parent):
        table = place / "groups.csv"
        if table.is_file():
            with table.open(newline="") as lines:
                return {row["stem"]: row["group"] for row in csv.DictReader(lines)}
    return {}


def _refuse_unequal_sizes(folder: Path, chips: Iterable[Chip]) -> None:
    unequal = []
    for chip in chips:
        if chip.mask is not None:
            with Image.open(chip.mask) as mask:
                if (mask.height, mask.width) != chip.size():
                    unequal.append(chip.image.stem)
    if unequal:
        raise TrainingDataError(f"{folder}: image and mask differ in size: {_list(unequal)}")


def _list(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
