"""Strips of a mask to polygons, one by one, as if the whole mask had been there at once.

Each strip is labelled and traced on its own. Components that reach a strip's last row stay open; their
pieces are joined with what continues them, and come out once nothing can. All coordinates are pixels
(x to the right, y down) and whole numbers, so joining is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landslide_cli.histograms import QUANTILES, Histograms

Bools = NDArray[np.bool_]

MEASURES = np.dtype(
    [
        *[("pixels", "i8"), ("total", "i8"), ("spread", "i8"), ("peak", "u1"), ("cut", "?")],
        *[("first", "i8"), ("last", "i8"), *QUANTILES],
    ]
)


@dataclass(frozen=True, slots=True)
class Finished:
    """Polygons that no later row can change, in the order of their last pixel.

    Attributes:
        geometry: shapely polygons in pixel coordinates; a MultiPolygon where parts of a component touch
            only at corners (connectivity 8).
        measures: For each polygon the number of ``pixels``, the ``total`` and ``peak`` of their stored
            values, the total of their stored ``spread``, ``cut`` where it touches what wasn't analysed or the
            scene's border, and ``first`` and ``last`` pixel in reading order; with histograms also ``median`` and
            ``p90`` of the stored values and the number of ``high`` ones.
    """

    geometry: NDArray[np.object_]
    measures: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.geometry)


def joined(parts: Sequence[Finished]) -> Finished:
    """What came out in parts as one."""
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
    """

    def __init__(
        self, width: int, *, connectivity: int = 4, min_pixels: float = 0, histograms: Histograms | None = None
    ) -> None:
        if connectivity not in (4, 8):
            raise ValueError(f"connectivity must be 4 or 8, not {connectivity}")
        self._structure = ndimage.generate_binary_structure(2, connectivity // 4)
        self._reach = (0,) if connectivity == 4 else (-1, 0, 1)
        self._min_pixels = min_pixels
        self._histograms = histograms
        self._top = 0
        self._width = width
        self._open = np.zeros(0, dtype=MEASURES)
        self._pieces: list[list[shapely.Geometry]] = []
        self._edge = np.zeros(width, dtype=np.int64)  # open component + 1 at each column of the last row
        self._edge_analysed: Bools = np.zeros(width, dtype=bool)

    def feed(
        self, mask: Bools, stored: NDArray[np.uint8], analysed: Bools, spread: NDArray[np.uint8] | None = None
    ) -> Finished:
        """Add the next rows.

        Args:
            mask: True where there is landslide, shape ``(rows, width)``.
            stored: Stored probability of the same shape, summed up over each polygon.
            analysed: True where anything is known; ``mask`` is False elsewhere.
            spread: Stored spread of the same shape, summed up as well.
        """
        labels = np.empty(mask.shape, dtype=np.int32)
        count = int(ndimage.label(mask, self._structure, output=labels))
        measures = _measure(labels, count, stored, spread, self._top * self._width)
        beside = mask & _touches_outside(analysed, self._edge_analysed)
        measures["cut"][np.unique(labels[beside]) - 1] = True
        self._open["cut"][self._edge[(self._edge > 0) & ~analysed[0]] - 1] = True

        at_seam = np.zeros(count, dtype=bool)
        at_seam[labels[0][labels[0] > 0] - 1] = True
        at_seam[labels[-1][labels[-1] > 0] - 1] = True
        wanted = at_seam | (measures["pixels"] >= self._min_pixels)
        if self._histograms is not None:
            self._histograms.add(labels[mask] - 1, stored[mask], np.where(wanted, measures["first"], -1))
        pieces = _trace(labels, wanted, self._top)

        whole = np.flatnonzero(wanted & ~at_seam)
        closed = [(measures[whole], [pieces[index] for index in whole])]
        closed.append(self._join(labels, np.flatnonzero(at_seam), measures, pieces))
        self._top += len(mask)
        self._edge_analysed = analysed[-1].copy()
        return self._finish(closed)

    def close(self) -> Finished:
        """End the scene: what is still open touches its lower border."""
        self._open["cut"] = True
        closed = (self._open, self._pieces)
        self._open, self._pieces = self._open[:0], []
        return self._finish([closed])

    def _join(
        self,
        labels: NDArray[np.int32],
        seam: NDArray[np.intp],
        measures: NDArray[np.void],
        pieces: list[list[shapely.Geometry]],
    ) -> tuple[NDArray[np.void], list[list[shapely.Geometry]]]:
        """Join open components with the new ones at the seam; keep what reaches the last row, give the rest."""
        before = len(self._open)
        node_of = np.full(len(measures) + 1, -1)
        node_of[seam + 1] = before + np.arange(len(seam))
        upper, lower = _pairs(self._edge, labels[0], self._reach)
        size = before + len(seam)
        graph = coo_array((np.ones(len(upper), dtype=bool), (upper - 1, node_of[lower])), shape=(size, size))
        groups, group_of = connected_components(graph, directed=False)

        nodes = np.concatenate([self._open, measures[seam]])
        merged = _merge(nodes, group_of, groups)
        if self._histograms is not None:
            self._histograms.join(nodes["first"], merged["first"][group_of])
        merged_pieces: list[list[shapely.Geometry]] = [[] for _ in range(groups)]
        for group, parts in zip(group_of, [*self._pieces, *(pieces[index] for index in seam)], strict=True):
            merged_pieces[group].extend(parts)

        bottom = labels[-1]
        reaching = np.zeros(groups, dtype=bool)
        edge_groups = group_of[node_of[bottom[bottom > 0]]]
        reaching[edge_groups] = True
        open_number = np.cumsum(reaching)  # from 1, in the order of groups
        self._edge = np.zeros(self._width, dtype=np.int64)
        self._edge[bottom > 0] = open_number[edge_groups]
        self._open = merged[reaching]
        self._pieces = [merged_pieces[group] for group in np.flatnonzero(reaching)]
        return merged[~reaching], [merged_pieces[group] for group in np.flatnonzero(~reaching)]

    def _finish(self, closed: Iterable[tuple[NDArray[np.void], list[list[shapely.Geometry]]]]) -> Finished:
        tables, lists = zip(*closed, strict=True)
        measures = np.concatenate(tables)
        parts = [pieces for some in lists for pieces in some]
        if self._histograms is not None:
            measures[[name for name, _ in QUANTILES]] = self._histograms.take(measures["first"])
        # The last pixel orders polygons the same way wherever strips end.
        order = np.argsort(measures["last"], kind="stable")
        order = order[measures["pixels"][order] >= self._min_pixels]
        geometry = np.empty(len(order), dtype=object)
        for place, index in enumerate(order):
            geometry[place] = _assemble(parts[index])
        return Finished(shapely.normalize(geometry), measures[order])


def _measure(
    labels: NDArray[np.int32], count: int, stored: NDArray[np.uint8], spread: NDArray[np.uint8] | None, offset: int
) -> NDArray[np.void]:
    """Measures of the components 1 … ``count``, in that order.

    Pixels are first summed up over runs of equal labels, then runs over components: no pixel is sorted.
    """
    measures = np.zeros(count, dtype=MEASURES)
    if count == 0:
        return measures
    flat = labels.ravel()
    starts = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    run = flat[starts]
    ends = np.append(starts[1:], flat.size)
    peak = np.zeros(count + 1, dtype=np.uint8)
    np.maximum.at(peak, run, np.maximum.reduceat(stored.ravel(), starts))
    measures["peak"] = peak[1:]
    # Sums of doubles are exact here: they stay far below 2 ** 53.
    measures["pixels"] = np.bincount(run, ends - starts, count + 1)[1:]
    measures["total"] = np.bincount(run, np.add.reduceat(stored.ravel(), starts, dtype=np.int64), count + 1)[1:]
    if spread is not None:
        measures["spread"] = np.bincount(run, np.add.reduceat(spread.ravel(), starts, dtype=np.int64), count + 1)[1:]
    first, last = np.zeros((2, count + 1), dtype=np.int64)
    first[run[::-1]] = starts[::-1]  # of several values for one place the last one stays
    last[run] = ends - 1
    measures["first"], measures["last"] = first[1:] + offset, last[1:] + offset
    return measures


def _merge(nodes: NDArray[np.void], group_of: NDArray[np.int32], groups: int) -> NDArray[np.void]:
    """Measures of groups of components."""
    merged = np.zeros(groups, dtype=MEASURES)
    merged["first"] = np.iinfo(np.int64).max
    for name in ("pixels", "total", "spread"):
        np.add.at(merged[name], group_of, nodes[name])
    for name in ("peak", "cut", "last"):
        np.maximum.at(merged[name], group_of, nodes[name])
    np.minimum.at(merged["first"], group_of, nodes["first"])
    return merged


def _touches_outside(analysed: Bools, above: Bools) -> Bools:
    """True beside a pixel that isn't analysed or beside the scene's left, right or upper border.

    What lies below the last row is not known yet; the next strip settles it.
    """
    touches = np.zeros_like(analysed)
    touches[0] |= ~above
    touches[:, 0] = touches[:, -1] = True
    if not analysed.all():
        touches[1:] |= ~analysed[:-1]
        touches[:-1] |= ~analysed[1:]
        touches[:, 1:] |= ~analysed[:, :-1]
        touches[:, :-1] |= ~analysed[:, 1:]
    return touches


def _pairs(
    edge: NDArray[np.int64], row: NDArray[np.int32], reach: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Numbers above and below a seam that touch."""
    uppers, lowers = [], []
    for step in reach:
        upper = edge[max(0, -step) : len(edge) - max(0, step)]
        lower = row[max(0, step) : len(row) - max(0, -step)]
        both = (upper > 0) & (lower > 0)
        uppers.append(upper[both])
        lowers.append(lower[both])
    return np.concatenate(uppers), np.concatenate(lowers)


def _trace(labels: NDArray[np.int32], wanted: Bools, top: int) -> list[list[shapely.Geometry]]:
    """Polygons of each wanted component, edge-connected part by part: those are always valid."""
    pieces: list[list[shapely.Geometry]] = [[] for _ in range(len(wanted))]
    if not wanted.any():
        return pieces
    # GDAL traces what it sees, so components that nobody wants are taken out first.
    kept = labels if wanted.all() else np.where(np.append(False, wanted)[labels], labels, 0)
    for shape, value in shapes(kept, mask=kept > 0, connectivity=4, transform=Affine.translation(0, top)):
        outer, *holes = shape["coordinates"]
        pieces[int(value) - 1].append(shapely.Polygon(outer, holes))
    return pieces


def _assemble(pieces: list[shapely.Geometry]) -> shapely.Geometry:
    if len(pieces) == 1:
        return pieces[0]
    return without_straight_vertices(shapely.union_all(pieces))


def without_straight_vertices(geometry: shapely.Geometry) -> shapely.Geometry:
    """Drop the vertices of a rectilinear (multi)polygon at which its outline goes straight on."""
    kind, points, (rings, *others) = shapely.to_ragged_array([geometry])
    starts, ends = rings[:-1], rings[1:] - 1  # the last vertex of a ring repeats its first
    before, after = np.arange(len(points)) - 1, np.arange(len(points)) + 1
    before[starts] = ends - 1
    after[ends] = starts + 1
    before[ends] = ends - 1
    straight = ((points[before] == points) & (points == points[after])).any(axis=1)
    keep = ~straight
    keep[ends] = False
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    counts = kept_before[ends] - kept_before[starts]
    # Close each ring again on its first kept vertex.
    offsets = np.concatenate([[0], np.cumsum(counts + 1)])
    closed = np.insert(points[keep], np.cumsum(counts), points[keep][np.cumsum(counts) - counts], axis=0)
    result: shapely.Geometry = shapely.from_ragged_array(kind, closed, (offsets, *others))[0]
    return result
