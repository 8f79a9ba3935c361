"""Complete the masks of images that overlap on the ground, each of which draws only its own landslide.

    pip install opencv-python-headless
    python benchmarks/complete_masks.py IMAGES MASKS [--pairs FILE.csv]

IMAGES is a folder of chips (docs/training.md) whose images are unrotated crops of the same orthophotos, such as the
Bijie data set; its groups.csv says which of them belong to one site. Every mask is written to MASKS as 1-bit PNG with
its own stem, with the landslides that the masks of overlapping images of the same group draw there. A group stands on
one side of every split, so no mask learns from an image of another part. Pairs of different groups are listed only:
the same ground then stands on both sides of a split, or an image said to hold no landslide may show one.

SIFT features whose descriptors are alike propose how two images lie to each other; the grey values where they overlap
decide. On Bijie, crops of the same pixels correlate above 0.95 there and have the same mean; other images stay below
0.8.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslide_cli.chips.chip import Chip, find_chips

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Pixels = TypeVar("Pixels", Grey, Mask, NDArray[np.intp])

COLUMNS = "stem", "other", "group", "other_group", "row", "col", "overlap_px", "agreement", "added_px", "other_added_px"
"""Of the table of pairs: the other image begins at (row, col) of the first one."""

PIXELS_PER_FEATURE, FEWEST_FEATURES = 480, 100
NEIGHBOURS = 6
"""How many descriptors each is compared with: one place seldom lies in more images."""
TURN_DEGREES, ZOOM = 15.0, 1.25
"""What SIFT gets wrong about two features that aren't turned or scaled to each other."""
SPREAD = 4
"""Pixels by which the offset of two features may be wrong; the images are shifted so far to find the exact one."""
SMALLEST_SIDE, SMALLEST_AREA = 16, 1500
ALIKE = 0.5
"""Correlation of blurred images from which the exact offset is looked for."""
AGREEMENT, BRIGHTNESS = 0.9, 2.0
"""Correlation from which pixels are the same, and how far their mean grey values may then lie apart."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two images that show the same ground.

    Attributes:
        first: Number of one image.
        second: Number of the other.
        row: Row of the first image where the second begins; negative above it.
        col: Column of the first image where the second begins.
        pixels: How many pixels both show.
        agreement: Correlation of the grey values there.
    """

    first: int
    second: int
    row: int
    col: int
    pixels: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Features:
    """SIFT features of all images, one row each: number of the image, (col, row), diameter, degrees, descriptor."""

    image: NDArray[np.intp]
    place: NDArray[np.float64]
    size: NDArray[np.float64]
    angle: NDArray[np.float64]
    descriptor: NDArray[np.float32]

    def __getitem__(self, rows: Mask) -> Features:
        """Some of them."""
        return Features(*(getattr(self, field)[rows] for field in self.__slots__))


def find_overlaps(images: Sequence[Grey], groups: Sequence[str]) -> list[Overlap]:
    """Find all pairs of images that show the same pixels.

    Args:
        images: Grey values, uint8, each of shape ``(height, width)``.
        groups: The group of each. One pair of like features is enough to compare two images of a group; elsewhere,
            where there are far more pairs, two that agree are asked for.
    """
    features = features_of(images)
    group = np.array(groups)[features.image]
    found = {}
    for rows, fewest in [(group == name, 1) for name in sorted(set(groups))] + [(np.ones(len(group), bool), 2)]:
        for (first, second), offsets in _proposals(features[rows]).items():
            for col, row in () if (first, second) in found else _agreed(offsets, fewest):
                if (overlap := _verified(images, first, second, row, col)) is not None:
                    found[first, second] = overlap
                    break
    return [found[pair] for pair in sorted(found)]


def features_of(images: Sequence[Grey]) -> Features:
    """Find the strongest SIFT features of each image at half its size, where noise of compression is weak."""
    sift = cv2.SIFT_create(contrastThreshold=0.02)
    numbers, rows, descriptors = [], [], []
    for number, grey in enumerate(images):
        half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        points, described = sift.detectAndCompute(half, None)
        most = max(FEWEST_FEATURES, grey.size // PIXELS_PER_FEATURE)
        strongest = sorted(range(len(points)), key=lambda place: -points[place].response)[:most]
        if strongest:
            rows += [(*points[place].pt, points[place].size, points[place].angle) for place in strongest]
            descriptors.append(described[strongest])
            numbers += [number] * len(strongest)
    if not rows:
        return Features(
            np.empty(0, np.intp), np.empty((0, 2)), np.empty(0), np.empty(0), np.empty((0, 128), np.float32)
        )
    table = np.array(rows)
    return Features(np.array(numbers), 2 * table[:, :2], table[:, 2], table[:, 3], np.concatenate(descriptors))


def _proposals(features: Features) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Offsets (col, row) of the second image in the first, for all images with features that are alike."""
    one, other = _alike(features.descriptor)
    first, second = features.image[one], features.image[other]
    turn = np.abs((features.angle[one] - features.angle[other] + 180) % 360 - 180)
    zoom = np.abs(np.log(features.size[one] / features.size[other]))
    keep = (first < second) & (turn < TURN_DEGREES) & (zoom < np.log(ZOOM))
    offsets = features.place[one] - features.place[other]
    pairs = defaultdict(list)
    for a, b, offset in zip(first[keep].tolist(), second[keep].tolist(), offsets[keep], strict=True):
        pairs[a, b].append(offset)
    return {pair: np.array(offsets) for pair, offsets in pairs.items()}


def _agreed(offsets: NDArray[np.float64], fewest: int) -> Iterator[tuple[int, int]]:
    """Whole offsets on which at least so many features agree, one of each that lie together, the surest first."""
    near = np.abs(offsets[:, None] - offsets).max(axis=-1) <= SPREAD
    while (counts := near.sum(axis=1)).max() >= fewest:
        best = counts.argmax()
        col, row = np.round(offsets[best]).astype(int).tolist()
        yield col, row
        told = near[best].copy()
        near[told] = near[:, told] = False


def _alike(descriptors: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of descriptors of which one is among the nearest neighbours of the other, each pair both ways round."""
    count = min(NEIGHBOURS, len(descriptors))
    if not count:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    cv2.setRNGSeed(0)
    index = cv2.flann_Index(descriptors, {"algorithm": 1, "trees": 4})  # 1: randomised k-d trees
    nearest, _ = index.knnSearch(descriptors, count, params={"checks": 48})
    one, other = np.repeat(np.arange(len(descriptors)), count), nearest.ravel()
    both = np.stack([np.concatenate([one, other]), np.concatenate([other, one])], axis=1)
    pairs = np.unique(both, axis=0)
    return pairs[:, 0], pairs[:, 1]


def _verified(images: Sequence[Grey], first: int, second: int, row: int, col: int) -> Overlap | None:
    """Shift two images to where they agree best; None unless their pixels are the same there."""
    a, b = common(images[first], images[second], row, col)
    if (
        min(a.shape) < SMALLEST_SIDE + 2 * SPREAD
        or _correlation(*(cv2.blur(part, (SPREAD + 1,) * 2) for part in (a, b))) < ALIKE
    ):
        return None
    answer = cv2.matchTemplate(b, a[SPREAD:-SPREAD, SPREAD:-SPREAD], cv2.TM_CCOEFF_NORMED)
    down, right = np.unravel_index(answer.argmax(), answer.shape)
    row, col = row + SPREAD - int(down), col + SPREAD - int(right)
    a, b = common(images[first], images[second], row, col)
    if a.size < SMALLEST_AREA or abs(a.mean() - b.mean()) > BRIGHTNESS or (agreement := _correlation(a, b)) < AGREEMENT:
        return None
    return Overlap(first, second, row, col, a.size, agreement)


def _correlation(a: Grey, b: Grey) -> float:
    """Correlation of two arrays of one shape; 0 where one of them is all alike."""
    x, y = (part.ravel() - part.mean(dtype=np.float32) for part in (a, b))
    return float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-6))


def common(first: Pixels, second: Pixels, row: int, col: int) -> tuple[Pixels, Pixels]:
    """Views of what both arrays show, where the second begins at ``(row, col)`` of the first; may be empty."""
    height, width = second.shape[:2]
    bottom, right = max(min(first.shape[0], row + height), 0), max(min(first.shape[1], col + width), 0)
    top, left = max(row, 0), max(col, 0)
    mine = first[top:bottom, left:right]
    theirs = second[top - row : top - row + mine.shape[0], left - col : left - col + mine.shape[1]]
    return mine, theirs


def complete(masks: Sequence[Mask], groups: Sequence[str], overlaps: Sequence[Overlap]) -> list[Mask]:
    """Union of each mask with those of the same group that overlap it; the given masks stay as they are."""
    full = [mask.copy() for mask in masks]
    for overlap in overlaps:
        first, second = overlap.first, overlap.second
        if groups[first] == groups[second]:
            for mine, other, row, col in (
                (first, second, overlap.row, overlap.col),
                (second, first, -overlap.row, -overlap.col),
            ):
                drawn, shown = common(full[mine], masks[other], row, col)
                drawn |= shown
    return full


def added(masks: Sequence[Mask], overlap: Overlap) -> tuple[int, int]:
    """Pixels that only the other mask draws, for the first and for the second image of a pair."""
    mine, theirs = common(masks[overlap.first], masks[overlap.second], overlap.row, overlap.col)
    return int((theirs & ~mine).sum()), int((mine & ~theirs).sum())


def _table(chips: Sequence[Chip], masks: Sequence[Mask], overlaps: Sequence[Overlap]) -> Iterator[list[Any]]:
    yield list(COLUMNS)
    for overlap in overlaps:
        first, second = chips[overlap.first], chips[overlap.second]
        more = added(masks, overlap) if first.group == second.group else (0, 0)
        places = overlap.row, overlap.col, overlap.pixels, round(overlap.agreement, 4)
        yield [first.image.stem, second.image.stem, first.group, second.group, *places, *more]


def _tell(chips: Sequence[Chip], masks: Sequence[Mask], full: Sequence[Mask], overlaps: Sequence[Overlap]) -> None:
    drawn = [number for number, chip in enumerate(chips) if chip.mask is not None]
    changed = sum(bool((masks[number] != full[number]).any()) for number in drawn)
    before, after = (sum(int(some[number].sum()) for number in drawn) for some in (masks, full))
    more = (after - before) / max(before, 1)
    print(f"{len(chips)} images, {len(overlaps)} pairs overlap")
    print(f"{changed} masks completed: {after - before:,} px added to {before:,} ({more:.1%})")
    for overlap in overlaps:
        first, second = chips[overlap.first], chips[overlap.second]
        if first.group != second.group:
            names = [f"{chip.image.stem} ({chip.group})" for chip in (first, second)]
            print(f"different groups show the same ground: {' and '.join(names)}")
        for chip, pixels in zip((first, second), added(masks, overlap), strict=True):
            if chip.mask is None and pixels:
                print(f"not without landslide, a neighbour draws {pixels} px: {chip.image.stem}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--pairs", type=Path)
    given = parser.parse_args()
    chips = find_chips(given.images)
    if given.masks.resolve() in {chip.mask.parent.resolve() for chip in chips if chip.mask is not None}:
        parser.error(f"{given.masks} holds the masks that are completed; name another folder")
    greys = [cv2.cvtColor(chip.read_image(), cv2.COLOR_RGB2GRAY) for chip in chips]
    groups = [chip.group for chip in chips]
    overlaps = find_overlaps(greys, groups)
    masks = [chip.read_mask(grey.shape) for chip, grey in zip(chips, greys, strict=True)]
    full = complete(masks, groups, overlaps)
    given.masks.mkdir(parents=True, exist_ok=True)
    for chip, mask in zip(chips, full, strict=True):
        if chip.mask is not None:
            Image.fromarray(mask.astype(np.uint8) * 255).convert("1").save(given.masks / f"{chip.image.stem}.png")
    if given.pairs is not None:
        with given.pairs.open("w", newline="") as lines:
            csv.writer(lines).writerows(_table(chips, masks, overlaps))
    _tell(chips, masks, full, overlaps)


if __name__ == "__main__":
    main()
