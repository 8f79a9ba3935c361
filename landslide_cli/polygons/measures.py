"""What is measured of components as their rows come, summed up over runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_cli.polygons.histograms import QUANTILES
from landslide_cli.polygons.runs import Runs
from landslide_cli.typing import Bools, Bytes, Indices, Int32, Int64

# What is added up over the pixels of a component beside the stored probability, if it is given.
SUMS = ("spread", "before", "seen", "old")
MEASURES = np.dtype(
    [
        *[("pixels", "i8"), ("total", "i8"), ("peak", "u1"), ("cut", "?"), *((name, "i8") for name in SUMS)],
        *[("first", "i8"), ("last", "i8"), *QUANTILES],
    ]
)


def measure(
    runs: Runs,
    component: Int32,
    count: int,
    mask: Bools,
    *,
    top: int,
    stored: Bytes | None,
    sums: Mapping[str, NDArray[Any]],
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
        sums: Layers of the same shape by their names in `SUMS`; what isn't given stays zero.
    """
    measures = np.zeros(count, dtype=MEASURES)
    measures["first"] = np.iinfo(np.int64).max
    new = slice(runs.before_row(1), None)
    start, length, component = runs.start[new], (runs.end - runs.start)[new], component[new]
    if len(start) == 0:
        return measures

    # Sums of doubles are exact here: they stay far below 2 ** 53.
    def add(lengths: Int64) -> Int64:
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
    for name, layer in sums.items():
        measures[name] = add(np.add.reduceat(layer[mask], offsets, dtype=np.int64))
    return measures


def add_up(measures: NDArray[np.void], component: Int32, more: NDArray[np.void]) -> None:
    """Add what was measured of components before: ``component`` and ``more`` have the same shape ``(n,)``."""
    for name in ("pixels", "total", *SUMS):
        np.add.at(measures[name], component, more[name])
    for name in ("peak", "cut", "last"):
        np.maximum.at(measures[name], component, more[name])
    np.minimum.at(measures["first"], component, more["first"])


def beside_unknown(mask: Bools, analysed: Bools) -> Indices:
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
