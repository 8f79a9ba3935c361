"""Strips of a mask to polygons, one by one, as if the whole mask had been there at once.

Runs of pixels are linked to those of the row above, across strips as well, and whatever reaches the last row stays
open. What is kept of an open component are its measures and the edges of its outline, for smooth outlines with the
values on both sides; polygons are made of components that nothing can change any more. All coordinates are pixels (x to
the right, y down), and whole numbers unless outlines are smooth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.polygons.histograms import QUANTILES, Histograms
from landslide_cli.polygons.measures import MEASURES, add_up, beside_unknown, measure
from landslide_cli.polygons.outlines import horizontal_edges, trace
from landslide_cli.polygons.piles import Piles
from landslide_cli.polygons.runs import Parts, Runs, changes, connect
from landslide_cli.polygons.smooth import UNKNOWN, horizontal_crossings, padded, smoothed, vertical_crossings
from landslide_cli.typing import Bools, Bytes, Geometries, Indices, Int32, Int64

Layers = Mapping[str, NDArray[Any]]
Pieces = tuple[Int64, Int32]  # rows and the part of each

# Strips are worked on in rows of about so many pixels: they stay in the processor's cache, and memory stays flat.
PIXELS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Finished:
    """Polygons that no later row can change, in the order of their last pixel.

    Attributes:
        geometry: shapely polygons in pixel coordinates; a MultiPolygon where parts of a component touch
            only at corners (connectivity 8, outlines of pixels).
        measures: For each polygon the number of ``pixels``, the ``total`` and ``peak`` of their stored values, the sums
            of what else was given of them (`landslide_cli.polygons.measures.SUMS`), ``cut`` where it touches what
            wasn't analysed or the scene's border, and ``first`` and ``last`` pixel in reading order; with histograms
            also ``median`` and ``p90`` of the stored values and the number of ``high`` ones.
    """

    geometry: Geometries
    measures: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.geometry)


def joined(parts: Sequence[Finished]) -> Finished:
    """Polygons that came out in parts, as one."""
    if not parts:
        return Finished(np.empty(0, dtype=object), np.zeros(0, dtype=MEASURES))
    return Finished(
        np.concatenate([part.geometry for part in parts]), np.concatenate([part.measures for part in parts])
    )


class StreamingPolygonizer:
    """Takes full-width strips from top to bottom, gives polygons as they end.

    Args:
        width: Pixels in each row.
        connectivity: 4, or 8 to take pixels that touch at a corner for connected.
        min_pixels: Components of fewer pixels are dropped before any geometry is made.
        histograms: Where stored values are counted, if their percentiles are wanted.
        level: Stored value that outlines follow, between those of the mask and the others; None for outlines of pixels.
    """

    def __init__(
        self, width: int, *, connectivity: int = 4, min_pixels: float = 0, histograms: Histograms | None = None,
        level: float | None = None,
    ) -> None:  # fmt: skip
        if connectivity not in (4, 8):
            raise ValueError(f"connectivity must be 4 or 8, not {connectivity}")
        self._corners = connectivity == 8
        self._min_pixels = min_pixels
        self._histograms = histograms
        self._level = level
        # Of pixels, a polygon that touches itself is valid only if what lies between becomes a hole.
        self._apart = level is not None and not self._corners
        self._width = width
        self._top = 0
        # The last row, and what of it was analysed if that is told. Above the scene nothing is.
        self._mask: Bools = np.zeros(width, dtype=bool)
        self._analysed: Bools | None = np.zeros(width, dtype=bool)
        self._values: Bytes = np.full(width, UNKNOWN, dtype=np.uint8)
        # Open components, with the outlines of their parts that nothing can change any more.
        self._open = np.zeros(0, dtype=MEASURES)
        self._outlines = Piles()
        # Parts that reach the last row: their component, their edges so far, and which one each run there belongs to.
        self._component: Indices | Int32 = np.zeros(0, dtype=np.intp)
        self._edges = Piles()
        self._crossings = Piles()
        self._part: Indices = np.zeros(0, dtype=np.intp)

    def feed(
        self, mask: Bools, stored: Bytes | None = None, analysed: Bools | None = None, sums: Layers | None = None
    ) -> Finished:
        """Add the next rows.

        For outlines of pixels alone ``mask`` is enough. The measures of what isn't given stay zero.

        Args:
            mask: True where there is landslide, shape ``(rows, width)``.
            stored: Stored probability of the same shape, summed up over each polygon. Smooth outlines need it, with
                255 where nothing is known; they keep to the edges of such pixels.
            analysed: True where anything is known; ``mask`` is False elsewhere.
            sums: Layers of the same shape to be summed up as well, by their names in
                `landslide_cli.polygons.measures.SUMS`.
        """
        if self._level is not None and stored is None:
            raise ValueError("smooth outlines need stored values")
        height = max(1, PIXELS_AT_ONCE // self._width)
        finished = []
        layers = sums or {}
        for start in range(0, len(mask), height):
            rows = slice(start, start + height)
            if self._goes_on(mask[rows], measured=stored is not None or analysed is not None or bool(layers)):
                self._repeat(len(mask[rows]))
            else:
                some = {name: layer[rows] for name, layer in layers.items()}
                finished.append(self._add(mask[rows], _of(stored, rows), _of(analysed, rows), some))
            self._top += len(mask[rows])
            self._analysed = None if analysed is None else analysed[rows][-1].copy()
            if stored is not None:
                self._values = stored[rows][-1].copy()
        return joined(finished)

    def close(self) -> Finished:
        """End the scene: below it nothing is analysed."""
        nothing = np.zeros((1, self._width), dtype=bool)
        unknown = None if self._level is None else np.full(nothing.shape, UNKNOWN, dtype=np.uint8)
        return self.feed(nothing, unknown, analysed=None if self._analysed is None else nothing)

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

    def _add(self, mask: Bools, stored: Bytes | None, analysed: Bools | None, sums: Layers) -> Finished:
        steps = changes(self._mask, mask)
        runs = Runs.of(steps)
        joined = self._level is not None
        parts = connect(runs, self._part, self._component, len(self._open), corners=self._corners, joined=joined)
        component = parts.component[parts.of_run]
        measures = measure(runs, component, parts.components, mask, top=self._top, stored=stored, sums=sums)
        add_up(measures, parts.component_of_open, self._open)
        if analysed is not None and self._analysed is not None:
            beside = beside_unknown(np.vstack([self._mask, mask]), np.vstack([self._analysed, analysed]))
            measures["cut"][component[runs.at(beside)]] = True

        bottom = runs.before_row(len(mask))
        stays = np.zeros(parts.components, dtype=bool)
        stays[component[bottom:]] = True
        small = ~stays & (measures["pixels"] < self._min_pixels)
        if self._histograms is not None:
            self._histograms.join(self._open["first"], measures["first"][parts.component_of_open])
            if stored is not None:
                new = slice(runs.before_row(1), None)
                of_pixel = np.repeat(component[new], (runs.end - runs.start)[new])
                self._histograms.add(of_pixel, stored[mask], np.where(small, -1, measures["first"]))
            measures[[name for name, _ in QUANTILES]][~stays] = self._histograms.take(measures["first"][~stays])
        runs.erase(steps, small[component])
        edges, pixels = horizontal_edges(steps, self._top)
        ended = np.flatnonzero(~stays & ~small)
        # The last pixel orders polygons the same way wherever strips end.
        ended = ended[np.argsort(measures["last"][ended])]

        edges_of = edges, parts.of_run[runs.at(pixels)]
        crossings_of = self._crossed(stored, runs, parts.of_run, ~small[component], *edges_of)
        self._mask = mask[-1].copy()
        outlines, owner = self._outline(parts, parts.of_run[bottom:], ~small, edges_of, crossings_of)
        geometry = self._gather(parts, outlines, owner, ended, stays)
        self._open = measures[stays]
        return Finished(geometry, measures[ended])

    def _crossed(
        self, stored: Bytes | None, runs: Runs, part: Int32, wanted: Bools, edges: Int64, part_of_edge: Int32
    ) -> Pieces | None:
        """What smooth outlines need of the new rows: the values on both sides of outlines of pixels."""
        if self._level is None or stored is None:
            return None
        values = padded(self._values, stored)
        new = runs.before_row(1)
        chosen = new + np.flatnonzero(wanted[new:])
        sides = vertical_crossings(values, runs, chosen, self._top)
        along, edge = horizontal_crossings(values, edges, self._top, self._level)
        of_sides = part[chosen]
        return np.concatenate([sides, along]), np.concatenate([of_sides, of_sides, part_of_edge[edge]])

    def _outline(
        self, parts: Parts, bottom: Int32, wanted: Bools, edges: Pieces, crossings: Pieces | None
    ) -> tuple[Geometries, Int32]:
        """Outlines, with their components, of parts that don't reach the last row; pieces of the others are kept."""
        reaching = np.zeros(len(parts.component), dtype=bool)
        reaching[bottom] = True
        complete = ~reaching & wanted[parts.component]
        place, kept = _numbered(complete), _numbered(reaching)
        self._part = kept[bottom]
        self._component = parts.component[reaching]
        rings = trace(*_settled(self._edges, edges, parts.of_open, place, kept), apart=self._apart)
        if self._level is not None and crossings is not None:
            settled, _ = _settled(self._crossings, crossings, parts.of_open, place, kept)
            rings = smoothed(rings, settled, self._level)
        return rings.polygons(), parts.component[complete]

    def _gather(self, parts: Parts, outlines: Geometries, owner: Int32, ended: Indices, stays: Bools) -> Geometries:
        """The outlines of each component that has ended, in that order; those of components that stay open are kept."""
        rank = np.full(parts.components, -1)
        rank[ended] = np.arange(len(ended))
        kept = _numbered(stays)
        finished, place = self._outlines.with_items(rank[parts.component_of_open], outlines, rank[owner])
        self._outlines.move(kept[parts.component_of_open], int(np.count_nonzero(stays)))
        self._outlines.add(outlines, kept[owner])
        self._component = kept[self._component]
        return _collected(finished, place)


def _settled(piles: Piles, new: Pieces, of_open: Int32, place: Indices, kept: Indices) -> tuple[Int64, Indices]:
    """Pieces, with their place, of parts that have one; of parts that are kept they stay on the piles."""
    items, part = new
    settled = piles.with_items(place[of_open], items, place[part])
    piles.move(kept[of_open], int(np.count_nonzero(kept >= 0)))
    piles.add(items, kept[part])
    return settled


def _of(layer: NDArray[Any] | None, rows: slice) -> Any:
    return None if layer is None else layer[rows]


def _numbered(chosen: Bools) -> Indices:
    """0, 1, 2 … where ``chosen``, -1 elsewhere."""
    return np.where(chosen, np.cumsum(chosen) - 1, -1)


def _collected(polygons: Geometries, place: Indices) -> Geometries:
    """Polygons in the order of their place; those with the same one as one MultiPolygon."""
    order = np.argsort(place, kind="stable")
    polygons, place = polygons[order], place[order]
    count = np.bincount(place)
    if len(count) == len(polygons):
        return polygons
    several = count > 1
    collected = np.empty(len(count), dtype=object)
    collected[~several] = polygons[~several[place]]
    parts = several[place]
    collected[several] = shapely.normalize(
        shapely.multipolygons(polygons[parts], indices=_numbered(several)[place[parts]])
    )
    return collected
