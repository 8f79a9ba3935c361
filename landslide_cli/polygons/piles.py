"""Numbered piles of array rows, which are put together as the things they belong to grow together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_cli.typing import Indices


class Piles:
    """Lists of arrays, numbered from 0.

    What a call costs depends on what it adds and on the number of piles, never on how high they are: large components
    pass hundreds of strips.
    """

    def __init__(self) -> None:
        self._piles: list[list[NDArray[Any]]] = []

    def __len__(self) -> int:
        return len(self._piles)

    def move(self, place: Indices, count: int) -> None:
        """Make ``count`` piles of these: number ``i`` goes on ``place[i]``, shape ``(piles,)``, or away if negative."""
        moved: list[list[NDArray[Any]]] = [[] for _ in range(count)]
        for pile, onto in zip(self._piles, place.tolist(), strict=True):
            if onto >= 0:
                short, long = sorted((moved[onto], pile), key=len)
                long += short
                moved[onto] = long
        self._piles = moved

    def add(self, items: NDArray[Any], place: Indices) -> None:
        """Put each row of ``items`` on the pile of its number, shape ``(rows,)``, or nowhere if that is negative."""
        order = np.argsort(place, kind="stable")[np.count_nonzero(place < 0) :]
        first = np.flatnonzero(np.diff(place[order], prepend=-1))
        bounds = [*first.tolist(), len(order)]
        for onto, start, stop in zip(place[order[first]].tolist(), bounds[:-1], bounds[1:], strict=True):
            self._piles[onto].append(items[order[start:stop]])

    def with_items(self, place: Indices, items: NDArray[Any], item_place: Indices) -> tuple[NDArray[Any], Indices]:
        """Rows of piles and further rows, all with their place; none where that is negative.

        Args:
            place: For each pile where its rows belong, shape ``(piles,)``.
            items: Further rows, shape ``(rows, …)``.
            item_place: The same for each of them.
        """
        wanted = item_place >= 0
        rows, places = [items[wanted]], [item_place[wanted]]
        for pile, where in zip(self._piles, place.tolist(), strict=True):
            if where >= 0:
                rows += pile
                places += [np.full(len(piece), where) for piece in pile]
        return np.concatenate(rows), np.concatenate(places)
