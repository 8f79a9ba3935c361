"""How often each stored value occurs in each component, while strips go by.

Medians and percentiles can't be joined as sums can, but histograms can. They are kept as rows ``(component, value,
count)`` of what occurs, for components that are still open alone: at most 255 rows for each of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landslide_cli.typing import Bytes, Int64

VALUES = 256
PIXELS_AT_ONCE = 1 << 20
# Up to this many bins for each pixel, counting into bins is quicker than sorting, and takes no more memory.
BINS_PER_PIXEL = 8

QUANTILES = [("median", "f8"), ("p90", "f8"), ("high", "i8")]


class Histograms:
    """Histograms of components that are known by a number of their own, here that of their first pixel.

    Args:
        high: Stored value from which pixels are counted as ``high``.
    """

    def __init__(self, high: int) -> None:
        self._high = high
        self._names: Int64 = np.zeros(0, dtype=np.int64)
        self._values: Int64 = np.zeros(0, dtype=np.int64)
        self._counts: Int64 = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, component: NDArray[np.integer], values: Bytes, names: Int64) -> None:
        """Count pixels.

        Args:
            component: Of each pixel, counted from 0, shape ``(pixels,)``.
            values: Stored value of each pixel, shape ``(pixels,)``.
            names: The number that each component is known by, shape ``(components,)``; negative for those that nobody
                wants.
        """
        found = [(self._names, self._values, self._counts)]
        for start in range(0, len(values), PIXELS_AT_ONCE):
            some = slice(start, start + PIXELS_AT_ONCE)
            keys, counts = _counted(component[some].astype(np.int64) * VALUES + values[some])
            name = names[keys // VALUES]
            wanted = name >= 0
            found.append((name[wanted], keys[wanted] % VALUES, counts[wanted]))
        self._set(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def join(self, old: Int64, new: Int64) -> None:
        """Components ``old`` are now parts of components ``new``, one for one: both of shape ``(n,)``."""
        if len(old):
            order = np.argsort(old)
            at = np.minimum(np.searchsorted(old, self._names, sorter=order), len(old) - 1)
            same = old[order[at]] == self._names
            self._set(np.where(same, new[order[at]], self._names), self._values, self._counts)

    def take(self, names: Int64) -> NDArray[np.void]:
        """Median, 90th percentile and number of high pixels of ``(n,)`` components that are complete; forget them.

        All are 0 for a component that nothing was counted for.

        Percentiles lie between two pixels as numpy's do: Hyndman & Fan 1996, "Sample quantiles in statistical
        packages", The American Statistician 50, 361, definition 7.
        """
        first, last = (np.searchsorted(self._names, names, side=side) for side in ("left", "right"))
        below = np.append(0, np.cumsum(self._counts))
        high = np.append(0, np.cumsum(np.where(self._values >= self._high, self._counts, 0)))
        pixels = below[last] - below[first]

        def ranked(rank: Int64) -> Int64:
            """Value of the pixel with this rank, from 0, in each component that has pixels."""
            return self._values[np.searchsorted(below, below[first[seen]] + rank, side="right") - 1]

        taken = np.zeros(len(names), dtype=QUANTILES)
        seen = pixels > 0
        most = pixels[seen] - 1
        for name, share in (("median", 0.5), ("p90", 0.9)):
            rank = (most * share).astype(np.int64)
            lower, upper = ranked(rank), ranked(np.minimum(rank + 1, most))
            taken[name][seen] = lower + (most * share - rank) * (upper - lower)
        taken["high"] = high[last] - high[first]
        rest = ~np.isin(self._names, names)
        self._names, self._values, self._counts = self._names[rest], self._values[rest], self._counts[rest]
        return taken

    def _set(self, names: Int64, values: Int64, counts: Int64) -> None:
        """Sort rows by component and value, and add up those that agree."""
        order = np.lexsort((values, names))
        names, values, counts = names[order], values[order], counts[order]
        new = np.ones(len(names), dtype=bool)
        new[1:] = (names[1:] != names[:-1]) | (values[1:] != values[:-1])
        starts = np.flatnonzero(new)
        self._names, self._values = names[starts], values[starts]
        self._counts = np.add.reduceat(counts, starts) if len(starts) else counts


def _counted(keys: Int64) -> tuple[Int64, Int64]:
    """Different keys, sorted, and how often each occurs."""
    if len(keys) == 0:
        return keys, keys
    low = keys.min()
    if keys.max() - low < BINS_PER_PIXEL * len(keys):
        counts = np.bincount(keys - low)
        at = np.flatnonzero(counts)
        return at + low, counts[at].astype(np.int64)
    return np.unique(keys, return_counts=True)
