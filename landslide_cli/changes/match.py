"""Which landslides of two inventories are the same, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from affine import Affine
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landslide_cli.changes.sides import Side
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Float64, Geometries, Indices

NEW, KNOWN, GROWN, SHRUNK, GONE, NOT_ANALYSED = "new", "known", "grown", "shrunk", "gone", "not analysed"
CLASSES = (NEW, GROWN, KNOWN, SHRUNK, GONE, NOT_ANALYSED)
# Distances are looked up in units of the map and told in metres; how much a map may stretch between.
STRETCH = 1.5


@dataclass(frozen=True, slots=True)
class Change:
    """A landslide in two inventories, or in one of them.

    Attributes:
        change: One of `CLASSES`.
        old: Its rows in the old inventory.
        new: Its rows in the new one.
        area_old_m2: Its area in the old one; None if that knows points alone or nothing of it.
        area_new_m2: The same in the new one.
        ratio: New area by old area where both looked; None where one of them is unknown.
        iou: Common area by that of both together, where both looked; likewise.
    """

    change: str
    old: Indices
    new: Indices
    area_old_m2: float | None
    area_new_m2: float | None
    ratio: float | None = None
    iou: float | None = None


def find(
    old: Side, new: Side, crs: pyproj.CRS | None, *, overlap: float, growth: float, distance_m: float
) -> list[Change]:
    """Say of each landslide what became of it.

    Args:
        old: The old inventory.
        new: The new one.
        crs: Coordinate system of both.
        overlap: Part of the smaller polygon that both must share to be the same.
        growth: Part of its area by which one must have grown or shrunk.
        distance_m: How far a point may lie away and still be the same.
    """
    ground = Ground(Affine.identity(), crs)
    pairs = _pairs(old, new, ground, overlap, distance_m)
    count = len(old.geometry) + len(new.geometry)
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0] + len(new.geometry), pairs[1])), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if count else []
    seen_by_old, seen_by_new = old.looked_at(new.geometry), new.looked_at(old.geometry)
    found = []
    for group in groups:
        here, there = group[group < len(new.geometry)], group[group >= len(new.geometry)] - len(new.geometry)
        areas = _area(old, there), _area(new, here)
        if not len(there):
            found.append(Change(NEW if seen_by_old[here].any() else NOT_ANALYSED, there, here, *areas))
        elif not len(here):
            found.append(Change(GONE if seen_by_new[there].any() else NOT_ANALYSED, there, here, *areas))
        else:
            found.append(_changed(old, new, (there, here), ground, growth))
    return found


def _pairs(old: Side, new: Side, ground: Ground, overlap: float, distance_m: float) -> Indices:
    """Rows of the old and of the new inventory that are the same landslide, shape ``(2, n)``."""
    tree = shapely.STRtree(new.geometry)
    pairs = tree.query(old.geometry, predicate="intersects")
    one, other = old.geometry[pairs[0]], new.geometry[pairs[1]]
    smaller = np.minimum(shapely.area(one), shapely.area(other))
    shared = shapely.area(shapely.intersection(one, other))
    same = pairs[:, (smaller == 0) | (shared > overlap * smaller)]
    if not (distance_m and ground.on_earth and (old.points.any() or new.points.any())):
        return same
    reach = distance_m * STRETCH * _units_per_metre(ground, np.concatenate([old.geometry, new.geometry]))
    near = tree.query(old.geometry, predicate="dwithin", distance=reach)
    near = near[:, old.points[near[0]] | new.points[near[1]]]
    between = shapely.get_coordinates(shapely.shortest_line(old.geometry[near[0]], new.geometry[near[1]]))
    metres = np.hypot(*ground.offsets(between[::2], between[1::2]).T)
    return np.unique(np.concatenate([same, near[:, metres <= distance_m]], axis=1), axis=1)


def _units_per_metre(ground: Ground, geometry: Geometries) -> float:
    """Units of the map that a metre is long at most, where there is something."""
    left, bottom, right, top = shapely.total_bounds(geometry)
    corners = np.array([(x, y) for x in (left, (left + right) / 2, right) for y in (bottom, (bottom + top) / 2, top)])
    step = 1e-6 * max(right - left, top - bottom) or 1e-6
    metres = [np.hypot(*ground.offsets(corners, corners + offset).T) for offset in ((step, 0), (0, step))]
    return step / float(np.nanmin(metres))


def _area(side: Side, rows: Indices) -> float | None:
    """Area of rows together, None for points alone and without a CRS."""
    rows = rows[~side.points[rows]]
    total = float(side.area_m2[rows].sum())
    return total if len(rows) and np.isfinite(total) else None


def _changed(old: Side, new: Side, rows: tuple[Indices, Indices], ground: Ground, growth: float) -> Change:
    """What became of a landslide that both know, judged on the ground that both looked at."""
    known = Change(KNOWN, *rows, _area(old, rows[0]), _area(new, rows[1]))
    if known.area_old_m2 is None or known.area_new_m2 is None:
        return known
    outlines = [
        shapely.union_all(new.within(old.within(side.geometry[part[~side.points[part]]])))
        for side, part in zip((old, new), rows, strict=True)
    ]
    before, after, shared = (_size(one, ground) for one in (*outlines, shapely.intersection(*outlines)))
    if not (before > 0 and after > 0):
        return known
    ratio = after / before
    change = GROWN if ratio > 1 + growth else SHRUNK if ratio < 1 / (1 + growth) else KNOWN
    areas = known.area_old_m2, known.area_new_m2
    return Change(change, *rows, *areas, ratio, shared / (before + after - shared))


def _size(geometry: shapely.Geometry, ground: Ground) -> float:
    """Area in m² of the polygons in a geometry."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return float(ground.measure(parts[shapely.get_dimensions(parts) == 2])[0].sum())


def totals(changes: list[Change], change: str) -> tuple[int, Float64]:
    """Number of landslides of a class, and their old and new area in m², shape ``(2,)``; NaN where none is known."""
    ours = [one for one in changes if one.change == change]
    sums = []
    for areas in ([one.area_old_m2 for one in ours], [one.area_new_m2 for one in ours]):
        known = [area for area in areas if area is not None]
        sums.append(sum(known) if known else np.nan)
    return len(ours), np.array(sums)
