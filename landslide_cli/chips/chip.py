"""Chips on disk: images with masks, and images known to hold no landslide."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from landslide_cli.chips.decode import (
    LANDSLIDE,
    is_binary,
    is_wide,
    letterbox_image,
    letterbox_truth,
    read_pixels,
    read_size,
    read_truth,
)
from landslide_cli.errors import TrainingDataError
from landslide_cli.parsing import read_text
from landslide_cli.typing import Bools, Bytes

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}
BIJIE_FOLDERS = ("landslide", "non-landslide")
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Chip:
    """One training image with its mask.

    Attributes:
        image: The image's file.
        mask: The mask's file, or None for an image without any landslide.
        group: The site: chips of one group never stand on both sides of a split.
        scale: Raw values that become 0 and 255; None for 8-bit images.
        letterbox: Side of the square that image and mask are fitted into; 0 leaves them as they are.
        rim: Pixels to each side of an outline that training passes over, where outlines are loose.
    """

    image: Path
    mask: Path | None
    group: str
    scale: tuple[float, float] | None = None
    letterbox: int = 0
    rim: int = 0

    def read_image(self) -> Bytes:
        """Read the pixels: uint8, shape ``(height, width, 3)``."""
        pixels = read_pixels(self.image, self.scale)
        return letterbox_image(pixels, self.letterbox) if self.letterbox else pixels

    def read_truth(self, shape: tuple[int, int]) -> Bytes:
        """Read the truth, uint8, shape ``(height, width)``: what `landslide_cli.chips.decode` calls its three values.

        What is unknown must neither teach nor judge.
        """
        if self.mask is None:
            return np.zeros(shape, dtype=np.uint8)
        truth = read_truth(self.mask)
        return letterbox_truth(truth, self.letterbox) if self.letterbox else truth

    def read_mask(self, shape: tuple[int, int]) -> Bools:
        """Read where there is landslide: bool, shape ``(height, width)``; False also where nobody knows."""
        return self.read_truth(shape) == LANDSLIDE

    def size(self) -> tuple[int, int]:
        """Give ``(height, width)`` of the file without decoding the pixels."""
        return read_size(self.image)


def find_chips(folder: Path, scale: tuple[float, float] | None = None) -> list[Chip]:
    """Find the chips of one folder, in the order of their names.

    ``folder/image`` with ``folder/mask`` beside it holds chips with masks of the same stem; a folder
    without ``mask`` holds images without landslide, in itself or in subfolders. A folder with
    ``landslide/`` and ``non-landslide/`` in it (the Bijie data set) is both of these, one after the other.
    Groups come from a ``groups.csv`` (columns ``stem``, ``group``) in the folder or its parent; else each
    stem is its own.

    Args:
        folder: Where to look.
        scale: Raw values that become 0 and 255; None where all images are 8-bit.

    Raises:
        TrainingDataError: nothing is there, an image and a mask lack their partner or differ in size, a mask
            isn't binary, an image isn't 8-bit and no scale is given, or a file can't be read.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"{folder} is not a folder; name one that holds image/ (and mask/)")
    if is_bijie(folder):
        return [chip for name in BIJIE_FOLDERS for chip in find_chips(folder / name, scale)]
    groups = _read_groups(folder)
    images = _by_stem(folder / "image" if (folder / "image").is_dir() else folder)
    if not images:
        raise TrainingDataError(f"{folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    masks: dict[str, Path] | None = _by_stem(folder / "mask") if (folder / "mask").is_dir() else None
    if masks is not None and images.keys() ^ masks.keys():
        raise TrainingDataError(
            f"{folder}: without a partner of the same stem: {listed(images.keys() ^ masks.keys())}; "
            "each file of image/ needs one in mask/ (all 0 where there is no landslide)"
        )
    chips = [
        Chip(path, None if masks is None else masks[stem], groups.get(stem, stem), scale)
        for stem, path in sorted(images.items())
    ]
    _refuse_unusable(folder, chips)
    return chips


def is_bijie(folder: Path) -> bool:
    """Whether a folder is laid out like the Bijie data set."""
    return all((folder / name).is_dir() for name in BIJIE_FOLDERS)


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
    found: dict[str, Path] = {}
    twice = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if path.stem in found:
                twice.add(path.stem)
            found[path.stem] = path
    if twice:
        raise TrainingDataError(f"{folder}: more than one file is called {listed(twice)}; give each its own stem")
    return found


def _read_groups(folder: Path) -> dict[str, str]:
    for place in (folder, folder.parent):
        table = place / "groups.csv"
        if table.is_file():
            try:
                reader = csv.DictReader(io.StringIO(read_text(table).removeprefix("\ufeff"), newline=""))
                if missing := {"stem", "group"} - set(reader.fieldnames or ()):
                    raise TrainingDataError(f"{table} lacks the column {listed(missing)}; it needs stem and group")
                return {row["stem"]: row["group"] for row in reader if row["group"]}
            except (ValueError, csv.Error) as error:
                raise TrainingDataError(f"{table} can't be read as a table: {error}") from error
    return {}


def _refuse_unusable(folder: Path, chips: Sequence[Chip]) -> None:
    checks: tuple[tuple[str, Callable[[Chip], bool]], ...] = (
        ("can't be read as images", _is_damaged),
        ("image and mask differ in size", lambda chip: chip.mask is not None and read_size(chip.mask) != chip.size()),
        (
            "not 8-bit; give the raw values that become black and white with --scale LO,HI (scale in a recipe)",
            lambda chip: chip.scale is None and is_wide(chip.image),
        ),
        (
            "the mask is not binary, it needs 0 and one other value",
            lambda chip: chip.mask is not None and not is_binary(chip.mask),
        ),
    )
    for what, is_bad in checks:
        bad = [chip.image.stem for chip in chips if is_bad(chip)]
        if bad:
            raise TrainingDataError(f"{folder}: {what}: {listed(bad)}")


def _is_damaged(chip: Chip) -> bool:
    """Whether a file can't be decoded to its last pixel: a truncated one is found here, not hours into a training."""
    try:
        read_pixels(chip.image, chip.scale)
        if chip.mask is not None:
            read_truth(chip.mask)
    except TrainingDataError:
        return True
    return False


def listed(names: Iterable[str]) -> str:
    """Names for an error message: the first ones, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
