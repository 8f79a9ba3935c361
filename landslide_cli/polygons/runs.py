"""Runs: pixels of a mask that follow each other in a row, and the components that touching runs make.

Nothing here is as large as a label image, and what is done for each pixel is comparing bytes; the rest depends on the
number of runs. The first of the rows is always the last one seen before, so that components continue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landslide_cli.typing import Bools, Indices, Int32

Links = tuple[Indices, Indices | Int32]


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

    start: Indices
    end: Indices
    stride: int

    @classmethod
    def of(cls, changes: NDArray[np.int8]) -> Runs:
        """Runs that `changes` shows, an array of shape ``(rows + 1, width + 1)``."""
        bounds = np.flatnonzero(changes != 0)
        return cls(bounds[::2], bounds[1::2], changes.shape[1])

    def before_row(self, row: int) -> int:
        """Number of runs above a row."""
        return int(np.searchsorted(self.start, row * self.stride))

    def at(self, pixels: Indices) -> Indices:
        """Numbers of the runs that hold these ``(n,)`` pixels of the mask, which are given as flat positions."""
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
        """Take the runs that are True in ``gone``, shape ``(runs,)``, out of the array of changes that shows them."""
        flat = changes.reshape(-1)
        flat[self.start[gone]] = 0
        flat[self.end[gone]] = 0


def components(size: int, *links: Links) -> tuple[int, Int32]:
    """Number of components of ``size`` nodes, and the component of each, shape ``(size,)``."""
    ends, others = (np.concatenate(some) for some in zip(*links, strict=True))
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends, others)), shape=(size, size))
    count, component = connected_components(graph, directed=False)
    return int(count), component


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts and components, all counted from 0.

    A part has an outline of its own. Parts of pixels are connected by edges: a component has one part with connectivity
    4; with 8 it has all those that touch at corners. Smooth outlines are joined at corners then, and make one part.

    Attributes:
        of_run: Part of each run.
        of_open: Part of each part that was open.
        component: Component of each part.
        component_of_open: Component of each component that was open.
        components: Number of components.
    """

    of_run: Int32
    of_open: Int32
    component: Int32
    component_of_open: Int32
    components: int


def connect(
    runs: Runs, above: Indices, component: Indices | Int32, open_components: int, *, corners: bool, joined: bool
) -> Parts:
    """Connect runs that touch, and those of the first row with what was open.

    Args:
        runs: Runs of the last row before, and of the new ones.
        above: The open part of each run of that row, shape ``(runs of the row,)``.
        component: The open component of each open part, shape ``(open parts,)``.
        open_components: Their number.
        corners: Whether parts that touch at a corner make one component.
        joined: Whether they make one part then.
    """
    count, size = len(runs.start), len(runs.start) + len(component)
    # Open parts are nodes behind the runs, open components behind those.
    continued = np.arange(len(above)), count + above
    number, part = components(size, runs.touching(corners=corners and joined), continued)
    if not corners or joined:
        return Parts(part[:count], part[count:], np.arange(number, dtype=np.int32), part[count:], number)
    together = count + np.arange(len(component)), size + component
    total, found = components(size + open_components, runs.touching(corners=True), continued, together)
    component_of_part = np.empty(number, dtype=np.int32)
    component_of_part[part] = found[:size]
    return Parts(part[:count], part[count:], component_of_part, found[size:], total)
