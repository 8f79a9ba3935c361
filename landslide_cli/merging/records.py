"""What becomes of the landslides: one record for each, who saw it, and its outline where that is a new one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyproj
import shapely
from affine import Affine
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landslide_cli.inventory.footprints import Edge
from landslide_cli.inventory.neighbours import nearest_m
from landslide_cli.merging.groups import Doubles, Groups, best_of, members, order_of, union_of
from landslide_cli.merging.pairs import GAP_PX, SLIVER, Pairs
from landslide_cli.merging.scenes import Scenes
from landslide_cli.merging.stock import MEASURES, Stock
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bools, Float64, Geometries, Indices, Int64

ROWS = 20_000  # outlines that are in memory at a time
SAME = 0.5  # part of the smaller one from which two are one landslide


@dataclass
class Records:
    """The landslides of the merged inventory, by the rows that stand for them.

    Attributes:
        groups: Which rows are one landslide.
        rows: Rows that are written, shape ``(m,)``; everything below is in their order.
        place: For each row of the stock its place in these, -1 if it isn't written; those of joined halves are one.
        scenes: Numbers of the scenes that saw each.
        analysed_by: How many scenes looked there.
        cut: Whether it touches the border of what was analysed by all together.
        overlaps: How many others it overlaps.
        nearest_m: Metres to the nearest other one.
        outlines: Outlines that no part has, by row.
        measures: Attributes of joined halves, by row, in the order of `landslide_cli.merging.stock.MEASURES`.
        area_m2: Area of all together, what they share counted once, without those that were rejected.
    """

    groups: Groups
    rows: Indices
    place: Indices
    scenes: list[tuple[int, ...]]
    analysed_by: Int64
    cut: Bools
    overlaps: Int64
    nearest_m: Float64
    outlines: dict[int, shapely.Geometry] = field(default_factory=dict)
    measures: dict[int, Float64] = field(default_factory=dict)
    area_m2: float = 0.0


def group(stock: Stock, scenes: Scenes, pairs: Pairs, doubles: Doubles) -> Groups:
    """Decide which landslides are one."""
    same, goes_on = pairs.rows[:, pairs.share > SAME], pairs.rows[:, pairs.goes_on]
    if doubles == "union":
        return union_of(stock.rows, same, goes_on)
    inferior = _inferior(stock, scenes, same)
    # What was rejected says nothing of ground that its scene hasn't looked at.
    said = ~(inferior & stock.rows["rejected"][same].any(axis=0))
    return best_of(stock.rows, same[:, said], inferior[said], goes_on)


def _inferior(stock: Stock, scenes: Scenes, same: Indices) -> Bools:
    """Pairs whose better one is a small part of a landslide that its scene hasn't seen most of."""
    rank = np.empty(len(stock.rows), np.int64)
    rank[order_of(stock.rows)] = np.arange(len(stock.rows))
    turned = rank[same[0]] > rank[same[1]]
    better, worse = np.where(turned, same[::-1], same)
    asked = stock.rows["planar"][worse] > stock.rows["planar"][better]
    asked &= ~np.isin(stock.rows["scene"][better], list(scenes.silent))
    asked &= ~stock.rows["reviewed"][better] | stock.rows["rejected"][better]
    inferior = np.zeros(len(better), dtype=bool)
    for places in np.array_split(np.flatnonzero(asked), len(better) // ROWS + 1):
        outlines = stock.geometries(worse[places])
        inferior[places] = ~scenes.footprints.looked(outlines, stock.rows["scene"][better[places]].astype(np.int64))
    return inferior


def make_records(
    stock: Stock, scenes: Scenes, pairs: Pairs, groups: Groups, edge: Edge, crs: pyproj.CRS | None, *, keep: bool
) -> Records:
    """Work out all that the merged inventory tells of each landslide.

    Args:
        stock: The landslides of all parts.
        scenes: Their scenes.
        pairs: Those that overlap.
        groups: Those that are one.
        edge: Border of what was analysed by all together.
        crs: Coordinate system of the outlines.
        keep: Whether all rows are written, and not those alone that stand for a landslide.
    """
    rows = np.arange(len(stock.rows)) if keep else groups.leads
    ground = Ground(Affine.identity(), crs)
    place = rows if keep else np.where(groups.stays, np.searchsorted(rows, groups.lead), -1)
    none = np.zeros(len(rows), np.int64)
    records = Records(groups, rows, place, [], none, stock.rows["cut"][rows], none.copy(), none.astype(np.float64))
    if not keep:
        _join(stock, groups, records)
    seen = _seen(stock, groups)
    records.scenes = [seen[lead] for lead in groups.lead[rows].tolist()]
    _look_around(stock, scenes, records, edge)
    places = stock.rows["lon"][rows], stock.rows["lat"][rows]
    if records.outlines:
        at = np.searchsorted(rows, list(records.outlines))
        middle = shapely.get_coordinates(shapely.centroid(list(records.outlines.values())))
        for place, values in zip(places, ground.longitude_latitude(*middle.T), strict=True):
            place[at] = values
    known = np.isfinite(places[0]) & np.isfinite(places[1])
    records.nearest_m = np.full(len(rows), np.nan)
    records.nearest_m[known] = nearest_m(places[0][known], places[1][known])
    records.area_m2 = _overlap(stock, pairs, records, ground)
    return records


def outlines_of(stock: Stock, records: Records, rows: Indices) -> Geometries:
    """The outlines that the merged inventory has for rows, shape ``(n,)``."""
    outlines = stock.geometries(rows)
    for place in np.flatnonzero(np.isin(rows, list(records.outlines))):
        outlines[place] = records.outlines[int(rows[place])]
    return outlines


def _join(stock: Stock, groups: Groups, records: Records) -> None:
    """Make one outline of the halves of each landslide."""
    staying = np.flatnonzero(groups.stays)
    pixel = stock.pixel
    for lead, places in members(groups.lead[staying]):
        halves = staying[places]
        gap = GAP_PX * float(pixel[halves].max())
        records.outlines[lead] = _united(stock.geometries(halves), gap)
        records.cut[records.place[lead]] = stock.rows["cut"][halves].any()
        records.measures[lead] = _joined_measures(stock.rows[halves], records.outlines[lead].area)


def _united(halves: Geometries, gap: float) -> shapely.Geometry:
    """One outline; a gap between the grids of two scenes is closed."""
    together = shapely.union_all(halves)
    if together.geom_type == "Polygon" or gap == 0:
        return shapely.orient_polygons(together)
    closed = shapely.buffer(shapely.buffer(together, gap, join_style="mitre"), -gap, join_style="mitre")
    # Only what lies between them is new.
    closed = shapely.union_all([together, *(part for part in shapely.get_parts(closed) if part.is_valid)])
    fewer = shapely.get_num_geometries(closed) < shapely.get_num_geometries(together)
    return shapely.orient_polygons(closed if fewer else together)


def _joined_measures(halves: np.ndarray, planar: float) -> Float64:
    """Attributes of pixels and terrain of what was joined; ground that several saw counts once."""
    weights = halves["planar"] / halves["planar"].sum()
    found = {name: float((halves[name] * weights).sum()) for name in MEASURES}
    found["pixels"] = round(float(halves["pixels"].sum()) * planar / float(halves["planar"].sum())) if np.isfinite(
        halves["pixels"]).all() else np.nan  # fmt: skip
    for name in ("prob_max", "elev_max_m", "slope_max_deg"):
        found[name] = float(halves[name].max())
    found["elev_min_m"] = float(halves["elev_min_m"].min())
    return np.array([found[name] for name in MEASURES])


def _seen(stock: Stock, groups: Groups) -> dict[int, tuple[int, ...]]:
    """The scenes that saw each landslide, by the row that stands for it; that row's own scene comes first."""
    scene = stock.rows["scene"]
    seen: dict[int, tuple[int, ...]] = {}
    seen |= {row: (number,) for row, number in zip(groups.leads.tolist(), scene[groups.leads].tolist(), strict=True)}

    def add(lead: int, numbers: tuple[int, ...]) -> None:
        seen[lead] = tuple(dict.fromkeys((*seen[lead], *numbers)))

    for lead, rows in members(groups.lead):
        add(lead, tuple(scene[rows].tolist()))
    for row, numbers in stock.seen_by.items():
        add(int(groups.lead[row]), numbers)
    return seen


def _look_around(stock: Stock, scenes: Scenes, records: Records, edge: Edge) -> None:
    """Count who looked at each landslide, and see which are still cut."""
    pixel = stock.pixel
    for first in range(0, len(records.rows), ROWS):
        piece = slice(first, first + ROWS)
        rows = records.rows[piece]
        outlines = outlines_of(stock, records, rows)
        which, scene = scenes.footprints.looks(outlines)
        looked = {(place, number) for place, number in zip(which.tolist(), scene.tolist(), strict=True)}
        looked |= {(place, number) for place, seen in enumerate(records.scenes[piece]) for number in seen}
        records.analysed_by[piece] = np.bincount([place for place, _ in looked], minlength=len(rows))
        known = ~np.isin(stock.rows["scene"][rows], list(scenes.silent))
        asked = np.flatnonzero(records.cut[piece] & known)
        records.cut[first + asked] = edge.touches(outlines[asked], GAP_PX * pixel[rows[asked]])


def _overlap(stock: Stock, pairs: Pairs, records: Records, ground: Ground) -> float:
    """Count who still overlaps whom; give the area of all together."""
    written = records.place[pairs.rows]
    edges = written[:, (written >= 0).all(axis=0) & (pairs.share > SLIVER) & (written[0] != written[1])]
    edges = np.unique(np.sort(edges, axis=0), axis=1)
    np.add.at(records.overlaps, edges.ravel(), 1)
    counts = ~stock.rows["rejected"][records.rows]
    area = stock.rows["area_m2"][records.rows]
    joined = np.searchsorted(records.rows, list(records.outlines))
    if len(joined):
        area[joined] = ground.measure(np.array(list(records.outlines.values()), dtype=object))[0]
    edges = edges[:, counts[edges].all(axis=0)]
    size = len(records.rows)
    _, label = connected_components(
        coo_array((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(size, size)), directed=False
    )
    together = np.isin(np.arange(size), edges)
    total = float(area[counts & ~together].sum())
    for _, found in members(label.astype(np.intp)):
        if together[found[0]]:
            union = shapely.union_all(outlines_of(stock, records, records.rows[found]))
            total += float(ground.measure(np.array([union], dtype=object))[0].sum())
    return total
