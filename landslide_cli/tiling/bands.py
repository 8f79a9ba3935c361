"""Bands: consecutive rows of a grid's windows that are predicted by themselves.

A band finishes rows of the scene, and those of all bands, one after another, are the scene. The windows above it share
pixels with it along its upper edge, its seam: they are predicted once more, so that sums are of the same numbers in the
same order as without a cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from landslide_cli.tiling.grid import Axis
from landslide_cli.tiling.resampling import Scaling, spans

# Windows, and rows of them, in a band at least: the row above is predicted twice, which a few rows make up for.
WINDOWS, ROWS = 256, 8

Rows = tuple[int, int]
"""First row of windows, and one past the last."""


@dataclass(frozen=True)
class Band:
    """Some rows of windows, and the rows of the scene that they finish.

    Attributes:
        axis: The rows of windows of the whole scene.
        rows: Down the scene: its pixels, and those that the network sees.
        first: The first row of windows.
        stop: One past the last.
    """

    axis: Axis
    rows: Scaling
    first: int
    stop: int

    @cached_property
    def top(self) -> int:
        """First row of the scene that the band finishes."""
        return self.rows.complete(self.axis.settled(self.first - 1)) if self.first else 0

    @cached_property
    def bottom(self) -> int:
        """One past the last row of the scene that it finishes."""
        return self.rows.complete(self.axis.settled(self.stop - 1))

    @cached_property
    def seen_top(self) -> int:
        """First row that the network sees that is part of them; rows above it may be incomplete in the band's sums."""
        if self.rows.same:
            return self.top
        return int(spans(self.rows.seen, self.rows.scene)[0][self.top])

    @cached_property
    def windows(self) -> range:
        """Rows of windows to predict: its own, and those above them that its seam needs."""
        first = self.first
        # The upper rows of a window are incomplete without the window above it.
        while first and self.axis.start(first) + self.axis.overlap > self.seen_top:
            first -= 1
        return range(first, self.stop)


def default_band(windows_across: int) -> int:
    """Rows of windows in a band, where nothing else is asked for."""
    return max(ROWS, -(-WINDOWS // windows_across))


def shared_band(count: int, band: int, workers: int) -> int:
    """Rows of windows in a band where so many workers share a scene of ``count`` rows and nothing follows it.

    All workers have equally many bands, whose height comes as close to ``band`` as that allows; where they are few,
    a band that is higher by half costs less than a round in which some workers have nothing to do.
    """
    rounds = max(1, round(count / (band * workers)))
    return max(min(2, band), -(-count // (rounds * workers)))


def gaps(count: int, there: Collection[Rows]) -> list[Rows]:
    """Runs of rows of windows, of ``count`` in all, that aren't among those that are there."""
    found, row = [], 0
    for first, stop in [*sorted(there), (count, count)]:
        if row < first:
            found.append((row, first))
        row = max(row, stop)
    return found


def cut(rows: Rows, band: int) -> Iterator[Rows]:
    """Rows of windows as bands of nearly equal height, of ``band`` rows at most.

    The higher ones come first: the first has no row above it that is predicted twice.
    """
    first, stop = rows
    parts = max(1, -(-(stop - first) // band))
    height, higher = divmod(stop - first, parts)
    edges = [first + number * height + min(number, higher) for number in range(parts + 1)]
    yield from pairwise(edges)
