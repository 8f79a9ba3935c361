"""Strips of a mask to polygons, one by one, as if the whole mask had been there at once.

Runs of pixels are linked to those of the row above, across strips as well, and whatever reaches the last row stays
open. What is kept of an open component are its measures and the edges of its outline; polygons are made of
components that nothing can change any more. All coordinates are pixels (x to the right, y down) and whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.outlines import horizontal_edges, trace
from landslide_cli.runs import MEASURES, Bools, Places, Runs, add_up, beside_unknown, changes, components, measure

Stored = NDArray[np.uint8]
Numbers = NDArray[np.int32]
Edges = NDArray[np.int64]
Geometries = NDArray[np.object_]

# Strips are worked on in rows of about so many pixels: they stay in the processor's cache, and memory stays flat.
PIXELS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Finished:
    """Polygons that no later row can change, in the order of their last pixel.

    Attributes:
        geometry: shapely polygons in pixel coordinates; a MultiPolygon where parts of a component touch
            only at corners (connectivity 8).
        measures: For each polygon the number of ``pixels``, the ``total`` and ``peak`` of their stored
            values, the total of their stored ``spread``, ``cut`` where it touches what wasn't analysed or the
            scene's border, and ``first`` and ``last`` pixel in reading order.
    """

    geometry: Geometries
    measures: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.geometry)


def joined(parts: Sequence[Finished]) -> Finished:
    """What came out in parts as one."""
    if not parts:
        return Finished(np.empty(0, dtype=object), np.zeros(0, dtype=MEASURES))
    return Finished(
        np.concatenate([part.geometry for part in parts]), np.concatenate([part.measures for part in parts])
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """How the runs of some rows and what was open before go together.

    A part is connected by edges of pixels and has an outline. A component has one part with connectivity 4; with 8
    it has all those that touch at corners. All are counted from 0.

    Attributes:
        of_run: Part of each run.
        of_open: Part of each part that was open.
        component: Component of each part.
        component_of_open: Component of each component that was open.
        components: Number of components.
    """

    of_run: Numbers
    of_open: Numbers
    component: Numbers
    component_of_open: Numbers
    components: int


class StreamingPolygonizer:
    """Takes full-width strips from top to bottom, gives polygons as they end.

    Args:
        width: Pixels in each row.
        connectivity: 4, or 8 to take pixels that touch at a corner for connected.
        min_pixels: Components of fewer pixels are dropped before any geometry is made.
    """

    def __init__(self, width: int, *, connectivity: int = 4, min_pixels: float = 0) -> None:
        if connectivity not in (4, 8):
            raise ValueError(f"connectivity must be 4 or 8, not {connectivity}")
        self._corners = connectivity == 8
        self._min_pixels = min_pixels
        self._width = width
        self._top = 0
        # The last row, and what of it was analysed if that is told. Above the scene nothing is.
        self._mask: Bools = np.zeros(width, dtype=bool)
        self._analysed: Bools | None = np.zeros(width, dtype=bool)
        # What is open: measures of each component; component and edges of each part; part of each run of the last row.
        self._open = np.zeros(0, dtype=MEASURES)
        self._component: Numbers = np.zeros(0, dtype=np.int32)
        self._edges: list[list[Edges]] = []
        self._part: Numbers = np.zeros(0, dtype=np.int32)

    def feed(
        self, mask: Bools, stored: Stored | None = None, analysed: Bools | None = None, spread: Stored | None = None
    ) -> Finished:
        """Add the next rows.

        For outlines alone ``mask`` is enough. The measures of what isn't given stay zero.

        Args:
            mask: True where there is landslide, shape ``(rows, width)``.
            stored: Stored probability of the same shape, summed up over each polygon.
            analysed: True where anything is known; ``mask`` is False elsewhere.
            spread: Stored spread of the same shape, summed up as well.
        """
        height = max(1, PIXELS_AT_ONCE // self._width)
        finished = []
        for start in range(0, len(mask), height):
            rows = slice(start, start + height)
            if self._goes_on(mask[rows], measured=stored is not None or analysed is not None):
                self._repeat(len(mask[rows]))
            else:
                finished.append(self._add(mask[rows], _of(stored, rows), _of(analysed, rows), _of(spread, rows)))
            self._top += len(mask[rows])
            self._analysed = None if analysed is None else analysed[rows][-1].copy()
        return joined(finished)

    def close(self) -> Finished:
        """End the scene: below it nothing is analysed."""
        nothing = np.zeros((1, self._width), dtype=bool)
        return self.feed(nothing, analysed=None if self._analysed is None else nothing)

    def _goes_on(self, mask: Bools, *, measured: bool) -> bool:
        """Whether rows are like the one above, with nothing to measure in them."""
        return not (measured and self._mask.any()) and bool((mask == self._mask).all())

    def _repeat(self, rows: int) -> None:
        """Add the last row some more times."""
        bounds = np.flatnonzero(np.diff(self._mask, prepend=False, append=False))
        component = self._component[self._part]
        pixels = np.bincount(component, bounds[1::2] - bounds[::2], len(self._open)).astype(np.int64)
        self._open["pixels"] += rows * pixels
        self._open["last"] += rows * self._width

    def _add(self, mask: Bools, stored: Stored | None, analysed: Bools | None, spread: Stored | None) -> Finished:
        steps = changes(self._mask, mask)
        runs = Runs.of(steps)
        parts = self._connect(runs)
        component = parts.component[parts.of_run]
        measures = measure(runs, component, parts.components, mask, top=self._top, stored=stored, spread=spread)
        add_up(measures, parts.component_of_open, self._open)
        if analysed is not None and self._analysed is not None:
            beside = beside_unknown(np.vstack([self._mask, mask]), np.vstack([self._analysed, analysed]))
            measures["cut"][component[runs.at(beside)]] = True

        bottom = runs.before_row(len(mask))
        stays = np.zeros(len(measures), dtype=bool)
        stays[component[bottom:]] = True
        small = ~stays & (measures["pixels"] < self._min_pixels)
        runs.erase(steps, small[component])
        edges, pixels = horizontal_edges(steps, self._top)
        part_of_edge = parts.of_run[runs.at(pixels)]

        ended = np.flatnonzero(~stays & ~small)
        # The last pixel orders polygons the same way wherever strips end.
        ended = ended[np.argsort(measures["last"][ended])]
        geometry = self._polygons(parts, ended, edges, part_of_edge)

        self._keep(parts, stays, edges, part_of_edge)
        self._part = (np.cumsum(stays[parts.component], dtype=np.int32) - 1)[parts.of_run[bottom:]]
        self._open = measures[stays]
        self._mask = mask[-1].copy()
        return Finished(geometry, measures[ended])

    def _connect(self, runs: Runs) -> _Parts:
        """Runs that touch, and what was open, as parts and components. The runs of the last row come first."""
        count, size = len(runs.start), len(runs.start) + len(self._edges)
        above = np.arange(len(self._part)), count + self._part
        number, part = components(size, runs.touching(corners=False), above)
        if not self._corners:
            return _Parts(part[:count], part[count:], np.arange(number, dtype=np.int32), part[count:], number)
        together = count + np.arange(len(self._edges)), size + self._component
        total, component = components(size + len(self._open), runs.touching(corners=True), above, together)
        component_of_part = np.empty(number, dtype=np.int32)
        component_of_part[part] = component[:size]
        return _Parts(part[:count], part[count:], component_of_part, component[size:], total)

    def _polygons(self, parts: _Parts, ended: Places, edges: Edges, part_of_edge: Numbers) -> Geometries:
        """Polygons of the components that have ended, in that order."""
        rank = np.full(parts.components, -1)
        rank[ended] = np.arange(len(ended))
        rank_of_part = rank[parts.component]
        ending = np.argsort(rank_of_part, kind="stable")[np.count_nonzero(rank_of_part < 0) :]
        place = np.full(len(rank_of_part), -1)
        place[ending] = np.arange(len(ending))

        owner = place[part_of_edge]
        pieces, owners = [edges[owner >= 0]], [owner[owner >= 0]]
        for where, before in zip(place[parts.of_open], self._edges, strict=True):
            if where >= 0:
                pieces += before
                owners += [np.full(len(piece), where) for piece in before]
        outlines = trace(np.concatenate(pieces), np.concatenate(owners))
        return _collected(outlines, rank_of_part[ending])

    def _keep(self, parts: _Parts, stays: Bools, edges: Edges, part_of_edge: Numbers) -> None:
        """Keep the edges of the parts that stay open."""
        open_part = stays[parts.component]
        place = np.cumsum(open_part) - 1
        kept: list[list[Edges]] = [[] for _ in range(np.count_nonzero(open_part))]
        for part, before in zip(parts.of_open, self._edges, strict=True):
            if open_part[part]:
                # The shorter list goes to the longer one, or a large component would cost more with each strip.
                short, long = sorted((kept[place[part]], before), key=len)
                kept[place[part]] = long
                long += short
        here = np.flatnonzero(open_part[part_of_edge])
        here = here[np.argsort(part_of_edge[here], kind="stable")]
        part = part_of_edge[here]
        first = np.flatnonzero(np.diff(part, prepend=-1))
        for where, piece in zip(place[part[first]], np.split(edges[here], first[1:]), strict=False):
            kept[where].append(piece.copy())  # a view would hold on to all of them
        self._edges = kept
        self._component = (np.cumsum(stays, dtype=np.int32) - 1)[parts.component[open_part]]


def _of(layer: NDArray[Any] | None, rows: slice) -> Any:
    return None if layer is None else layer[rows]


def _collected(polygons: Geometries, component: Places) -> Geometries:
    """Polygons of the same component as one MultiPolygon; components are counted from 0 without gaps, in order."""
    count = np.bincount(component)
    if len(count) == len(polygons):
        return polygons
    collected = np.empty(len(count), dtype=object)
    collected[count == 1] = polygons[count[component] == 1]
    several = count[component] > 1
    index = (np.cumsum(count > 1) - 1)[component[several]]
    collected[count > 1] = shapely.normalize(shapely.multipolygons(polygons[several], indices=index))
    return collected
