"""Outlines along the probability surface: marching squares along outlines of pixels.

Marching squares (Lorensen & Cline 1987, Computer Graphics 21, 163, in the plane) puts a vertex between the centres of
two neighbouring pixels, one in the mask and one not, where the value between them reaches the level: one vertex for
each unit edge of the outline of pixels, in the same order. So the outline of pixels, which is linked across strips
anyway, gives rings and holes, and of the values only the two beside each unit edge are kept. A library that contours
arrays would need those of a whole component at once, and of its neighbours, which open components may not have.

Two pixels of the mask that meet at a point are joined there if components are connected at corners, else kept apart.
Beside what isn't known outlines keep to the edges of pixels.

Within a square of four pixel centres outlines never cross, and they stay within half a pixel of the outline of pixels.
The corner of that one may be farther away, by up to 0.71 pixels, where one of the four pixels differs from the others.
With u and v for the distances of the two vertices beside this pixel from the centres of its neighbours, it is half a
pixel away if u v = 1/2; where u v is larger, both are scaled down to that. So a single pixel keeps a size, too.
"""

from __future__ import annotations

import numpy as np

from landslide_cli.polygons.outlines import X_SHIFT, Y_BITS, Y_SHIFT, Rings
from landslide_cli.polygons.runs import Runs
from landslide_cli.typing import Bools, Bytes, Float64, Indices, Int64

UNKNOWN = 255
# Vertices keep this far away from pixel centres, so that rounded coordinates still tell which side they are on.
CLEARANCE = 1 / 16

# A crossing is a unit edge of the outline and what lies on both sides of it, as two numbers: place and direction; and
# the value above or to the left, the one below or to the right and, of horizontal edges, whether the mask meets itself
# at the left and at the right end.
VERTICAL = 1
BEFORE_SHIFT, LEFT_MET, RIGHT_MET = 8, 1 << 16, 1 << 17
# How an outline turns around a corner of the mask: to the left on the map, where y is up, around a hole as well.
CONVEX = -1


def padded(above: Bytes, stored: Bytes) -> Bytes:
    """The row above and values ``(rows, width)`` between unknown ones: shape ``(rows + 1, width + 2)``."""
    rows, width = stored.shape
    values = np.full((rows + 1, width + 2), UNKNOWN, dtype=np.uint8)
    values[0, 1:-1] = above
    values[1:, 1:-1] = stored
    return values


def vertical_crossings(values: Bytes, runs: Runs, chosen: Indices, top: int) -> Int64:
    """Crossings at the left, then those at the right of some runs.

    Args:
        values: What `padded` gives.
        runs: Runs in its rows.
        chosen: Which of them, shape ``(n,)``.
        top: y of its second row.
    """
    position = np.concatenate([runs.start[chosen], runs.end[chosen]])
    row = position // runs.stride
    return _crossings(values, position - row * runs.stride, row + top - 1, position + row, 1, VERTICAL)


def horizontal_crossings(values: Bytes, edges: Int64, top: int, level: float) -> tuple[Int64, Indices]:
    """Crossings along ``(n,)`` horizontal edges, as `horizontal_edges` gives them, and the edge of each."""
    left, right = (edges >> X_SHIFT).T
    y = edges[:, 0] >> Y_SHIFT & Y_BITS
    edge, along = _counted(right - left)
    x, y = left[edge] + along, y[edge]
    stride = values.shape[1]
    upper = (y - top) * stride + x + 1
    found = _crossings(values, x, y, upper, stride, 0)
    flat = values.reshape(-1)

    def in_mask(position: Indices) -> Bools:
        return (flat[position] > level) & (flat[position] != UNKNOWN)

    here = in_mask(upper)
    for side, bit in ((-1, LEFT_MET), (1, RIGHT_MET)):
        found[(in_mask(upper + side) != here) & (in_mask(upper + stride + side) == here), 1] |= bit
    return found, edge


def _crossings(values: Bytes, x: Int64, y: Int64, before: Int64, step: int, direction: int) -> Int64:
    found = np.empty((len(x), 2), dtype=np.int64)
    found[:, 0] = _place(x, y) | direction
    flat = values.reshape(-1)
    found[:, 1] = flat[before]
    found[:, 1] <<= BEFORE_SHIFT
    found[:, 1] |= flat[before + step]
    return found


def _place(x: Int64, y: Int64) -> Int64:
    return x << X_SHIFT | y << Y_SHIFT


def _counted(lengths: Int64) -> tuple[Indices, Int64]:
    """Of ``lengths`` things one after the other: the group of each, and its number there."""
    group = np.repeat(np.arange(len(lengths)), lengths)
    return group, np.arange(len(group)) - (np.cumsum(lengths) - lengths)[group]


def smoothed(rings: Rings, crossings: Int64, level: float) -> Rings:
    """The same rings along the surface.

    Args:
        rings: Outlines of pixels.
        crossings: All crossings of these outlines, shape ``(crossings, 2)``, in any order.
        level: Value that outlines follow; no known value equals it.
    """
    if len(crossings) == 0:
        return rings
    corner, way, count = _unit_edges(rings)
    sides = _looked_up(crossings, corner, way)
    before, after = sides >> BEFORE_SHIFT & 255, sides & 255
    unknown = (before == UNKNOWN) | (after == UNKNOWN)
    first = np.cumsum(count) - count
    following = np.arange(1, len(corner) + 1)
    following[first + count - 1] = first

    downwards = np.where(unknown, 0.5, (before - level) / (before - after)).clip(CLEARANCE, 1 - CLEARANCE)
    inside = (before > level) & (before != UNKNOWN)
    turn = way[:, 0] * way[following, 1] - way[:, 1] * way[following, 0]
    depth = _near_corners(np.where(inside, downwards, 1 - downwards), turn, following)
    offset = np.where(inside, depth, 1 - depth) - 0.5
    # From the middle of the edge across it.
    vertex = corner + way / 2 + offset[:, None] * (way == 0)

    met = _met_ahead(sides, way, following)
    corners_stay = (unknown | unknown[following]) & ~met & ((turn != 0) | (unknown != unknown[following]))
    beside_met = met.copy()
    beside_met[following] |= met
    return _closed(vertex, ~unknown | beside_met, corner[following], corners_stay, first, rings.outer)


def _unit_edges(rings: Rings) -> tuple[Int64, Int64, Int64]:
    """Where each unit edge starts, its step, and the number of unit edges in each ring."""
    vertices = rings.vertices.astype(np.int64)
    within = np.ones(len(vertices) - 1, dtype=bool)
    within[rings.first[1:-1] - 1] = False
    step = np.diff(vertices, axis=0)[within]
    length = np.abs(step).sum(axis=1)
    edge, along = _counted(length)
    way = np.sign(step)[edge]
    first_edge = rings.first[:-1] - np.arange(len(rings.first) - 1)
    return vertices[:-1][within][edge] + along[:, None] * way, way, np.add.reduceat(length, first_edge)


def _looked_up(crossings: Int64, corner: Int64, way: Int64) -> Int64:
    """What the crossing at each unit edge tells."""
    x, y = (corner + np.minimum(way, 0)).T
    wanted = _place(x, y) | (way[:, 0] == 0) * VERTICAL
    # Both are the same edges: sorted, they stand beside each other.
    found = np.empty(len(wanted), dtype=np.int64)
    found[np.argsort(wanted)] = crossings[np.argsort(crossings[:, 0]), 1]
    return found


def _near_corners(depth: Float64, turn: Int64, following: Indices) -> Float64:
    """Change distances of vertices from the centres of their pixels of the mask where a corner would be too far away.

    A vertex may lie at two corners. If they are of different kinds, at most one of them is too far away: the mask's
    only if the vertex is near the pixel of the mask, the other one only if it is far from it.
    """
    scale = np.ones((2, len(depth)))
    for kind, distance in enumerate((1 - depth, depth)):
        both = np.where(turn == (CONVEX, -CONVEX)[kind], distance * distance[following], 0)
        shrink = np.sqrt(0.5 / np.maximum(both, 0.5))
        scale[kind] = shrink
        scale[kind, following] = np.minimum(shrink[following], shrink)
    return np.where(scale[0] < 1, 1 - (1 - depth) * scale[0], depth * scale[1])


def _met_ahead(sides: Int64, way: Int64, following: Indices) -> Bools:
    """Whether the mask meets itself where a unit edge ends; of a turn, the horizontal edge tells."""
    leaves = np.where(way[:, 0] > 0, RIGHT_MET, LEFT_MET)
    enters = np.where(way[following, 0] > 0, LEFT_MET, RIGHT_MET)
    return np.where(way[:, 0] != 0, sides & leaves, sides[following] & enters) != 0


def _closed(vertex: Float64, keep: Bools, corner: Int64, corner_too: Bools, first: Indices, outer: Indices) -> Rings:
    """Rings of those vertices and, behind them, corners that are chosen, each closed."""
    chosen = np.stack([keep, corner_too], axis=1)
    count = np.add.reduceat(chosen.sum(axis=1), first)
    open_vertices = np.stack([vertex, corner], axis=1)[chosen]
    ring = np.repeat(np.arange(len(count)), count)
    offsets = np.append(0, np.cumsum(count + 1))
    vertices = np.empty((offsets[-1], 2))
    vertices[np.arange(len(ring)) + ring] = open_vertices
    vertices[offsets[1:] - 1] = vertices[offsets[:-1]]
    return Rings(vertices, offsets, outer)
