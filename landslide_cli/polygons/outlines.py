"""Outlines of pixels: their horizontal edges as rows come, and the polygons that complete sets of edges bound.

An outline turns where four pixels around a point of the grid are not alike, and it is given by its turns: each one ends
a horizontal edge and a vertical one. Horizontal edges are known as soon as the rows above and below are; vertical
ones connect them once a component is complete, whatever strips it came in. x and y are whole pixels, y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import depth_first_order

from landslide_cli.typing import Float64, Geometries, Indices, Int64

# A corner is one number, so that sorting numbers sorts corners by x, then y. The last two bits tell a corner that is a
# vertical edge's upper end from another one at the same point, and whether the mask lies below its horizontal edge.
X_SHIFT, Y_SHIFT = 34, 2
Y_BITS, LOWER, BELOW = (1 << 32) - 1, 2, 1


@dataclass(frozen=True, slots=True)
class Rings:
    """Outlines of polygons.

    Attributes:
        vertices: x and y, shape ``(vertices, 2)``, ring by ring; each ring ends where it starts.
        first: Where in ``vertices`` each ring starts, and their number.
        outer: Which ring is the outer one of each polygon, and the number of rings; its holes follow it.
    """

    vertices: Float64
    first: Int64
    outer: Indices

    def polygons(self) -> Geometries:
        """Them as shapely polygons."""
        if len(self.outer) == 1:
            return np.empty(0, dtype=object)
        return shapely.from_ragged_array(shapely.GeometryType.POLYGON, self.vertices, (self.first, self.outer))


def horizontal_edges(changes: NDArray[np.int8], top: int) -> tuple[Int64, Indices]:
    """Edges between the mask and the rest along the lines above each row but the first.

    Args:
        changes: What `changes` gives, shape ``(rows + 1, width + 1)``.
        top: y of the first of those lines.

    Returns:
        ``(edges, pixels)``: the left and right corner of each edge, shape ``(edges, 2)``, in reading order, and the
        flat position in ``changes`` of the leftmost pixel of the mask above or below it.
    """
    stride = changes.shape[1]
    turns = changes[1:] - changes[:-1]
    at = np.flatnonzero(turns != 0)
    turn = turns.reshape(-1)[at]
    # Where two pixels of the mask meet at a point only, one edge ends and the next starts.
    met = np.abs(turn) == 2
    if met.any():
        at, turn = np.repeat(at, met + 1), np.repeat(turn, met + 1)
    left, ends = at[::2], at.reshape(-1, 2)
    below = turn[::2] > 0
    row = left // stride
    edges: Int64 = (ends - (row * stride)[:, None]) << X_SHIFT
    edges |= (((row + top) << Y_SHIFT) + below * BELOW)[:, None]
    edges[turn.reshape(-1, 2) == (2, -2)] |= LOWER
    return edges, left + below * stride


def trace(edges: Int64, owner: Indices, *, apart: bool = False) -> Rings:
    """Outlines of components, with outer rings and holes: those of valid polygons where components are edge-connected.

    They are normalised as `shapely.normalize` does it: rings start at their lowest x, then y; outer ones run clockwise
    and holes counter-clockwise where y is up; holes with more vertices come first, then those that start at a higher
    x, then y.

    Args:
        edges: All horizontal edges of the components, shape ``(edges, 2)``, in any order.
        owner: The component of each edge, counted from 0 without gaps.
        apart: Whether a component that meets itself at a point turns around its own pixels there, as two components do;
            a ring may pass that point twice then.
    """
    if len(edges) == 0:
        return Rings(np.zeros((0, 2)), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.intp))
    upper, lower = _vertical_edges(edges, None if apart else owner)
    # So the mask is always on the same side.
    leftwards = edges[:, 0] & BELOW
    partner = np.empty(edges.size, dtype=np.intp)
    partner[upper], partner[lower] = lower, upper
    following = partner[2 * np.arange(len(edges)) + 1 - leftwards] >> 1
    # A ring is entered where x is lowest: at a vertical edge from which both horizontal ones go to the right.
    walk, first = _rings(following, upper[(upper | lower) & 1 == 0] >> 1)

    is_outer = leftwards[walk[first]] == 1
    lengths = np.diff(first, append=len(walk))
    rings = np.arange(len(first))
    order = np.lexsort((-rings, -lengths, ~is_outer, owner[walk[first]]))
    lengths, is_outer = lengths[order], is_outer[order]
    starts = np.cumsum(lengths) - lengths
    ring = np.repeat(rings, lengths)
    walk = walk[np.arange(len(walk)) + (first[order] - starts)[ring]]

    # Two vertices for each edge, and the first of each ring again at its end. An outer ring starts with the end of its
    # first edge, a hole with the beginning.
    offsets = np.append(2 * starts + rings, 2 * len(walk) + len(rings))
    tail = 2 * np.arange(len(walk)) + (rings - is_outer)[ring]
    head = tail + 1
    tail[starts[is_outer]] = offsets[1:][is_outer] - 2
    corners = edges[walk]
    x, leftwards = corners >> X_SHIFT, corners[:, 0] & BELOW == 1
    vertices = np.empty((offsets[-1], 2))
    vertices[tail, 0] = np.where(leftwards, x[:, 1], x[:, 0])
    vertices[head, 0] = np.where(leftwards, x[:, 0], x[:, 1])
    vertices[tail, 1] = vertices[head, 1] = corners[:, 0] >> Y_SHIFT & Y_BITS
    vertices[offsets[1:] - 1] = vertices[offsets[:-1]]
    return Rings(vertices, offsets, np.append(np.flatnonzero(is_outer), len(rings)))


def _vertical_edges(edges: Int64, owner: Indices | None) -> tuple[Indices, Indices]:
    """Upper and lower corner of each vertical edge, as places in the flattened ``edges``, sorted by x, then y."""
    corners = edges.reshape(-1)
    order = np.argsort(corners)
    if owner is None:
        return order[::2], order[1::2]
    points = corners[order] >> Y_SHIFT
    # Two components that meet at a point turn around their own pixels there. One that meets itself turns around what
    # lies between, so that no ring touches itself.
    met = 1 + 2 * np.flatnonzero(points[1:-1:2] == points[2::2])
    own = met[owner[order[met] >> 1] == owner[order[met + 1] >> 1]]
    order[own], order[own + 1] = order[own + 1], order[own]
    return order[::2], order[1::2]


def _rings(following: Indices, starts: Indices) -> tuple[Indices, Indices]:
    """Walk along closed rings.

    Args:
        following: The edge that follows each edge.
        starts: Edges to start from, at least one of each ring; those of a ring that come later are ignored.

    Returns:
        ``(walk, first)``: all edges ring by ring, and where in ``walk`` each ring starts.
    """
    count, links = len(following), len(starts)
    # Searched depth first, a chain of nodes that lead to one start and to the chain's next node is a walk around one
    # ring after the other, without a loop in Python.
    indptr = np.append(np.arange(count), np.arange(count, count + 2 * links + 1, 2))
    indptr[-1] -= 1  # the chain's end leads to its start alone
    targets = np.empty(indptr[-1], dtype=np.int32)
    targets[:count] = following
    targets[count::2] = starts
    targets[count + 1 :: 2] = np.arange(count + 1, count + links)
    graph = csr_array((np.ones(len(targets)), targets, indptr.astype(np.int32)), shape=(count + links,) * 2)
    visited, reached_from = depth_first_order(graph, count)
    walk = visited[visited < count].astype(np.intp)
    return walk, np.flatnonzero(reached_from[walk] >= count)
