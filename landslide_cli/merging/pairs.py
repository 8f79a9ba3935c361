"""Which landslides of different scenes lie on each other, and which go on in each other across a scene's edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from landslide_cli.inventory.footprints import Footprints
from landslide_cli.merging.stock import Stock
from landslide_cli.typing import Bools, Float64, Geometries, Indices, OnNote

ROWS = 20_000  # rows whose neighbours are in memory at a time
VERTICES = 4_000_000  # of outlines that are in memory at a time, at most
# Neighbours that only share an edge overlap by slivers where coordinates are rounded on the way to another system.
SLIVER = 1e-3
# Pixels that scenes of different grids may lie apart at their common edge.
GAP_PX = 0.5
# Length of an edge, in pixels, on which halves touch, with half a pixel on both sides; at a corner it is one pixel.
EDGE_PX = 1.5


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of landslides of different scenes, each once, with the smaller number first.

    Attributes:
        rows: Both rows, shape ``(2, n)``.
        share: Part of the smaller one that they share, shape ``(n,)``.
        goes_on: Whether one goes on in the other across the edge of its scene, shape ``(n,)``.
    """

    rows: Indices
    share: Float64
    goes_on: Bools


def find_pairs(stock: Stock, footprints: Footprints, on_note: OnNote | None = None) -> Pairs:
    """Find all pairs that overlap by more than slivers or go on in each other."""
    rows, shares, going = [np.empty((2, 0), np.intp)], [np.empty(0)], [np.empty(0, bool)]
    pixel = stock.pixel
    for near in _near(stock, pixel, on_note):
        first, second = _outlines(stock, near)
        share = _shared(first, second)
        goes_on = _goes_on(stock, footprints, near, (first, second), pixel)
        kept = (share > SLIVER) | goes_on
        rows.append(near[:, kept])
        shares.append(share[kept])
        going.append(goes_on[kept])
    return Pairs(np.concatenate(rows, axis=1), np.concatenate(shares), np.concatenate(going))


def _near(stock: Stock, pixel: Float64, on_note: OnNote | None) -> Iterator[Indices]:
    """Pairs of rows of different scenes or parts whose bounds come near each other, in pieces."""
    found, count = stock.rows, len(stock.rows)
    reach = GAP_PX * pixel[:, None] * np.array([-1, -1, 1, 1])
    tree = shapely.STRtree(shapely.box(*(found["bounds"] + reach).T))
    vertices = np.maximum(found["size"] // 16, 1)
    for first in range(0, count, ROWS):
        boxes = shapely.box(*found["bounds"][first : first + ROWS].T)
        here, there = tree.query(boxes)
        here = here + first
        other = (found["part"][here] != found["part"][there]) | (found["scene"][here] != found["scene"][there])
        # Reach is the second one's, so a pair may be found from one side alone.
        pairs = np.unique(np.sort(np.stack([here[other], there[other]]), axis=0), axis=1)
        weights = np.cumsum(vertices[pairs].sum(axis=0))
        for part in np.split(pairs, np.flatnonzero(np.diff(weights // VERTICES)) + 1, axis=1):
            if part.shape[1]:
                yield part
        if on_note:
            done = min(first + ROWS, count)
            on_note(done, count, f"compared {done:,} of {count:,} landslides")


def _outlines(stock: Stock, pairs: Indices) -> tuple[Geometries, Geometries]:
    rows, place = np.unique(pairs, return_inverse=True)
    outlines = stock.geometries(rows)
    shapely.prepare(outlines)
    first, second = outlines[place.reshape(pairs.shape)]
    return first, second


def _shared(first: Geometries, second: Geometries) -> Float64:
    """Part of the smaller one that two share."""
    share = np.zeros(len(first))
    meet = shapely.intersects(first, second)
    smaller = np.minimum(shapely.area(first[meet]), shapely.area(second[meet]))
    share[meet] = shapely.area(shapely.intersection(first[meet], second[meet])) / smaller
    return share


def _goes_on(
    stock: Stock, footprints: Footprints, pairs: Indices, outlines: tuple[Geometries, Geometries], pixel: Float64
) -> Bools:
    """Whether what lies beyond the edge of one's scene belongs to the other, and they touch along that edge."""
    found = np.zeros(pairs.shape[1], dtype=bool)
    for (cut, other), (here, there) in ((pairs, outlines), (pairs[::-1], outlines[::-1])):
        gap = GAP_PX * np.maximum(pixel[cut], pixel[other])
        asked = np.flatnonzero(stock.rows["cut"][cut] & ~found & shapely.dwithin(here, there, gap))
        beyond = footprints.outside(there[asked], stock.rows["scene"][cut[asked]].astype(np.int64))
        # Where the scene's edge is only known to some digits, slivers stick out.
        beyond = _without_slivers(beyond, 2 * gap[asked] ** 2)
        grown = shapely.buffer(beyond, gap[asked], join_style="mitre", cap_style="square")
        edge = shapely.length(shapely.intersection(shapely.boundary(here[asked]), grown))
        found[asked] = edge > EDGE_PX * gap[asked] / GAP_PX
    return found


def _without_slivers(geometry: Geometries, least: Float64) -> Geometries:
    """What is left of geometries without parts that are smaller than that."""
    parts, which = shapely.get_parts(geometry, return_index=True)
    large = shapely.area(parts) > least[which]
    kept = np.full(len(geometry), shapely.Polygon(), dtype=object)
    if large.any():
        met, place = np.unique(which[large], return_inverse=True)
        kept[met] = shapely.multipolygons(parts[large], indices=place)
    return kept
