"""Which landslides of two inventories are the same, and what became of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from affine import Affine
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landslide_cli.changes.rules import ChangeRules
from landslide_cli.changes.sides import Side
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bools, Float64, Geometries, Indices

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


def find(old: Side, new: Side, crs: pyproj.CRS | None, rules: ChangeRules) -> list[Change]:
    """Say of each landslide what became of it.

    Args:
        old: The old inventory.
        new: The new one.
        crs: Coordinate system of both.
        rules: What makes two the same, and what makes one grown.
    """
    ground = Ground(Affine.identity(), crs)
    pairs = _pairs(old, new, ground, rules)
    size, first_old = len(old.geometry) + len(new.geometry), len(new.geometry)
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0] + first_old, pairs[1])), shape=(size, size))
    count, label = connected_components(graph, directed=False)
    of_new, of_old = np.split(label.astype(np.intp), [first_old])
    areas = _areas(old, of_old, count), _areas(new, of_new, count)
    ratio, iou = _compared(old, new, (of_old, of_new), areas, ground)
    in_old, in_new = (np.bincount(labels, minlength=count) > 0 for labels in (of_old, of_new))
    # Where the other inventory looked at one of a group's landslides it would have known them.
    seen_by_old = np.bincount(of_new, old.looked_at(new.geometry), count) > 0
    seen_by_new = np.bincount(of_old, new.looked_at(old.geometry), count) > 0
    cases = {
        NEW: ~in_old & seen_by_old, GONE: ~in_new & seen_by_new, NOT_ANALYSED: ~(in_old & in_new),
        GROWN: ratio > 1 + rules.growth, SHRUNK: ratio < 1 / (1 + rules.growth),
    }  # fmt: skip
    change = np.select(list(cases.values()), list(cases), KNOWN)
    members = zip(_members(of_old, count), _members(of_new, count), strict=True)
    numbers = zip(*(_told(values) for values in (*areas, ratio, iou)), strict=True)
    return [Change(str(name), *rows, *told) for name, rows, told in zip(change, members, numbers, strict=True)]


def _members(label: Indices, count: int) -> list[Indices]:
    """Rows of each of ``count`` groups."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1]) if count else []


def _told(values: Float64) -> list[float | None]:
    """Numbers with None in place of NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _pairs(old: Side, new: Side, ground: Ground, rules: ChangeRules) -> Indices:
    """Rows of the old and of the new inventory that are the same landslide, shape ``(2, n)``."""
    tree = shapely.STRtree(new.geometry)
    pairs = tree.query(old.geometry, predicate="intersects")
    one, other = old.geometry[pairs[0]], new.geometry[pairs[1]]
    smaller = np.minimum(shapely.area(one), shapely.area(other))
    shared = shapely.area(shapely.intersection(one, other))
    same = pairs[:, (smaller == 0) | (shared > rules.overlap * smaller)]
    if not (rules.distance_m and ground.on_earth and (old.points.any() or new.points.any())):
        return same
    reach = rules.distance_m * STRETCH * _units_per_metre(ground, np.concatenate([old.geometry, new.geometry]))
    near = tree.query(old.geometry, predicate="dwithin", distance=reach)
    near = near[:, old.points[near[0]] | new.points[near[1]]]
    between = shapely.get_coordinates(shapely.shortest_line(old.geometry[near[0]], new.geometry[near[1]]))
    metres = np.hypot(*ground.offsets(between[::2], between[1::2]).T)
    return np.unique(np.concatenate([same, near[:, metres <= rules.distance_m]], axis=1), axis=1)


def _units_per_metre(ground: Ground, geometry: Geometries) -> float:
    """Units of the map that a metre is long at most, where there is something."""
    left, bottom, right, top = shapely.total_bounds(geometry)
    corners = np.array([(x, y) for x in (left, (left + right) / 2, right) for y in (bottom, (bottom + top) / 2, top)])
    step = 1e-6 * max(right - left, top - bottom) or 1e-6
    metres = [np.hypot(*ground.offsets(corners, corners + offset).T) for offset in ((step, 0), (0, step))]
    return step / float(np.nanmin(metres))


def _areas(side: Side, label: Indices, count: int) -> Float64:
    """Area in m² of the polygons of each group, shape ``(count,)``; NaN for points alone and without a CRS."""
    label, area = label[~side.points], side.area_m2[~side.points]
    return np.where(np.bincount(label, minlength=count), np.bincount(label, area, count), np.nan)


def _compared(
    old: Side, new: Side, labels: tuple[Indices, Indices], areas: tuple[Float64, Float64], ground: Ground
) -> tuple[Float64, Float64]:
    """New area by old area, and common area by that of both together, on the ground that both looked at.

    Each of shape ``(groups,)``; NaN where an inventory has no area, or none there.
    """
    known = np.isfinite(areas[0]) & np.isfinite(areas[1])
    outlines = []
    for side, label in zip((old, new), labels, strict=True):
        rows = np.flatnonzero(~side.points & known[label])
        outlines.append(_unions(new.within(old.within(side.geometry[rows])), label[rows], known))
    before, after, shared = (_sizes(one, ground) for one in (*outlines, shapely.intersection(*outlines)))
    ratio, iou = np.full((2, len(known)), np.nan)
    both = (before > 0) & (after > 0)
    where, before, after, shared = np.flatnonzero(known)[both], before[both], after[both], shared[both]
    ratio[where] = after / before
    iou[where] = shared / (before + after - shared)
    return ratio, iou


def _unions(geometry: Geometries, label: Indices, wanted: Bools) -> Geometries:
    """One geometry for each group that is wanted; groups of others have none."""
    groups = [rows for rows, one in zip(_members(label, len(wanted)), wanted, strict=True) if one]
    found = np.empty(len(groups), dtype=object)
    found[:] = [geometry[rows[0]] if len(rows) == 1 else shapely.union_all(geometry[rows]) for rows in groups]
    return found


def _sizes(geometry: Geometries, ground: Ground) -> Float64:
    """Area in m² of the polygons in each geometry, shape ``(n,)``."""
    parts, of = shapely.get_parts(geometry, return_index=True)
    inner, within = shapely.get_parts(parts, return_index=True)
    flat = shapely.get_dimensions(inner) == 2
    area, _ = ground.measure(inner[flat])
    return np.bincount(of[within[flat]], area, len(geometry)).astype(np.float64)


def totals(changes: list[Change], change: str) -> tuple[int, Float64]:
    """Number of landslides of a class, and their old and new area in m², shape ``(2,)``; NaN where none is known."""
    ours = [one for one in changes if one.change == change]
    sums = []
    for areas in ([one.area_old_m2 for one in ours], [one.area_new_m2 for one in ours]):
        known = [area for area in areas if area is not None]
        sums.append(sum(known) if known else np.nan)
    return len(ours), np.array(sums)
