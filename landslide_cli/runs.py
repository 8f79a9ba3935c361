"""Runs: pixels of a mask that follow each other in a row, the components that touching runs make, and their measures.

Nothing here is as large as a label image, and what is done for each pixel is comparing bytes; the rest depends on the
number of runs. The first of the rows is always the last one seen before, so that components continue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Bools = NDArray[np.bool_]
Places = NDArray[np.intp]
Links = tuple[Places, Places]

MEASURES = np.dtype(
    [("pixels", "i8"), ("total", "i8"), ("spread", "i8"), ("peak", "u1"), ("cut", "?"), ("first", "i8"), ("last", "i8")]
)


def changes(above: Bools, mask: Bools) -> NDArray[np.int8]:
    """1 where a run starts, -1 right of its end, 0 elsewhere.

    Args:
        above: The row above, shape ``(width,)``.
        mask: Shape ``(rows, width)``.

    Returns:
        Shape ``(rows + 1, width + 1)``: ``above`` is the first row, and a run may end right of the last column.
    """
    rows, width = mask.shape
    padded = np.zeros((rows + 1, width + 2), dtype=np.int8)
    padded[0, 1:-1] = above
    padded[1:, 1:-1] = mask
    return padded[:, 1:] - padded[:, :-1]


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs in reading order, as flat positions in an array of shape ``(rows + 1, stride)``.

    Attributes:
        start: First pixel of each run.
        end: The pixel after its last.
        stride: Width of the mask plus one, so that runs of different rows never touch.
    """

    start: Places
    end: Places
    stride: int

    @classmethod
    def of(cls, changes: NDArray[np.int8]) -> Runs:
        """Runs that `changes` shows."""
        bounds = np.flatnonzero(changes != 0)
        return cls(bounds[::2], bounds[1::2], changes.shape[1])

    def before_row(self, row: int) -> int:
        """Number of runs above a row."""
        return int(np.searchsorted(self.start, row * self.stride))

    def at(self, pixels: Places) -> Places:
        """Numbers of the runs that hold these pixels of the mask, which are given as flat positions."""
        return np.searchsorted(self.start, pixels, side="right") - 1

    def touching(self, *, corners: bool) -> Links:
        """Pairs of runs in neighbouring rows that share an edge, or at least a corner."""
        lowered = self.start + self.stride, self.end + self.stride
        low = np.searchsorted(lowered[1], self.start, side="left" if corners else "right")
        high = np.searchsorted(lowered[0], self.end, side="right" if corners else "left")
        count = high - low
        upper = np.arange(count.sum()) + np.repeat(low - np.cumsum(count) + count, count)
        return upper, np.repeat(np.arange(len(count)), count)

    def erase(self, changes: NDArray[np.int8], gone: Bools) -> None:
        """Take some of the runs out of the array of changes that shows them."""
        flat = changes.reshape(-1)
        flat[self.start[gone]] = 0
        flat[self.end[gone]] = 0


def components(size: int, *links: Links) -> tuple[int, NDArray[np.int32]]:
    """Number of components of ``size`` nodes, and the component of each."""
    ends, others = (np.concatenate(some) for some in zip(*links, strict=True))
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends, others)), shape=(size, size))
    count, component = connected_components(graph, directed=False)
    return int(count), component


def measure(
    runs: Runs,
    component: NDArray[np.int32],
    count: int,
    mask: Bools,
    *,
    top: int,
    stored: NDArray[np.uint8] | None,
    spread: NDArray[np.uint8] | None,
) -> NDArray[np.void]:
    """Measures of ``count`` components in rows, all but ``cut``.

    Pixels are first summed up over runs, then runs over components: no pixel is sorted.

    Args:
        runs: Runs of the row above, which has been measured before, and of ``mask``.
        component: The component of each run.
        count: Number of components.
        mask: The rows, shape ``(rows, width)``.
        top: Number of the first of them.
        stored: Stored probability of the same shape; without it ``total`` and ``peak`` stay zero.
        spread: Stored spread of the same shape; without it ``spread`` stays zero.
    """
    measures = np.zeros(count, dtype=MEASURES)
    measures["first"] = np.iinfo(np.int64).max
    new = slice(runs.before_row(1), None)
    start, length, component = runs.start[new], (runs.end - runs.start)[new], component[new]
    if len(start) == 0:
        return measures

    # Sums of doubles are exact here: they stay far below 2 ** 53.
    def add(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(component, lengths, count).astype(np.int64)

    measures["pixels"] = add(length)
    seen = measures["pixels"] > 0
    first, last = np.zeros((2, count), dtype=np.int64)
    first[component[::-1]] = start[::-1]  # of several values for one place the last one stays
    last[component] = start + length - 1
    for name, position in (("first", first[seen]), ("last", last[seen])):
        measures[name][seen] = position - position // runs.stride + (top - 1) * mask.shape[1]

    offsets = np.cumsum(length) - length
    if stored is not None:
        values = stored[mask]
        measures["total"] = add(np.add.reduceat(values, offsets, dtype=np.int64))
        peak = np.zeros(count, dtype=np.uint8)
        np.maximum.at(peak, component, np.maximum.reduceat(values, offsets))
        measures["peak"] = peak
    if spread is not None:
        measures["spread"] = add(np.add.reduceat(spread[mask], offsets, dtype=np.int64))
    return measures


def add_up(measures: NDArray[np.void], component: NDArray[np.int32], more: NDArray[np.void]) -> None:
    """Add what was measured of components before."""
    for name in ("pixels", "total", "spread"):
        np.add.at(measures[name], component, more[name])
    for name in ("peak", "cut", "last"):
        np.maximum.at(measures[name], component, more[name])
    np.minimum.at(measures["first"], component, more["first"])


def beside_unknown(mask: Bools, analysed: Bools) -> Places:
    """Pixels of a mask that lie beside one that isn't analysed or at the left or right border.

    Args:
        mask: Shape ``(rows, width)``.
        analysed: Shape ``(rows, width)``; what lies above and below is taken for analysed.

    Returns:
        Their flat positions, as `Runs` counts them.
    """
    rows, width = mask.shape
    beside = np.zeros((rows, width + 1), dtype=bool)
    pixels = beside[:, :-1]
    pixels[:, 0] = pixels[:, -1] = True
    if not analysed.all():
        unknown = ~analysed
        pixels[1:] |= unknown[:-1]
        pixels[:-1] |= unknown[1:]
        pixels[:, 1:] |= unknown[:, :-1]
        pixels[:, :-1] |= unknown[:, 1:]
    pixels &= mask
    return np.flatnonzero(beside)
