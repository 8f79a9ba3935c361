"""Where each of many scenes was looked at, asked for thousands of polygons at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

from landslide_cli.typing import Bools, Float64, Geometries, Indices, Int64

# Footprints with stairs along a collar have 100,000 vertices; pieces of so many are quick to cut with.
VERTICES = 256


class Footprints:
    """Outlines of what was analysed of scenes, in one coordinate system.

    Args:
        outlines: Polygons of what was analysed.
        scenes: Number of the scene of each, shape ``(n,)``.
    """

    def __init__(self, outlines: Geometries, scenes: Int64) -> None:
        self.outlines, self.scenes = outlines, scenes
        cut = [list(_pieces(outline)) for outline in outlines]
        self._scene = np.repeat(scenes, [len(pieces) for pieces in cut])
        self._pieces: Geometries = np.array([piece for pieces in cut for piece in pieces], dtype=object)
        shapely.prepare(self._pieces)
        self._tree = shapely.STRtree(self._pieces)

    def looks(self, polygons: Geometries, least: float = 0.5) -> tuple[Indices, Int64]:
        """Who looked at more than a part of each polygon, or at a point.

        Returns:
            Positions of polygons and the scenes that looked there, both of shape ``(n,)``, each pair once.
        """
        which, piece = self._tree.query(polygons, predicate="intersects")
        # A point is all inside, or not at all.
        area = np.maximum(shapely.area(polygons), np.finfo(np.float64).tiny)
        inside = shapely.covers(self._pieces[piece], polygons[which])
        shared = np.where(inside, area[which], 0.0)
        shared[~inside] = shapely.area(shapely.intersection(polygons[which[~inside]], self._pieces[piece[~inside]]))
        pairs, place = np.unique(np.stack([which, self._scene[piece]]), axis=1, return_inverse=True)
        total = np.bincount(place.ravel(), shared, minlength=pairs.shape[1])
        enough = total > least * area[pairs[0]]
        return pairs[0][enough], pairs[1][enough]

    def looked(self, polygons: Geometries, scenes: Int64, least: float = 0.5) -> Bools:
        """Whether a scene looked at more than a part of a polygon, for pairs of them, shape ``(n,)``."""
        which, scene = self.looks(polygons, least)
        found = np.zeros(len(polygons), dtype=bool)
        found[which[scene == scenes[which]]] = True
        return found

    def outside(self, polygons: Geometries, scenes: Int64) -> Geometries:
        """What of each polygon lies where a scene, of shape ``(n,)``, didn't look."""
        which, piece = self._tree.query(polygons, predicate="intersects")
        own = self._scene[piece] == scenes[which]
        which, piece = which[own], piece[own]
        beyond = polygons.copy()
        if len(which):
            order = np.argsort(which, kind="stable")
            met, place = np.unique(which[order], return_inverse=True)
            # Pieces of a scene share edges, which a union takes away.
            cover = shapely.multipolygons(self._pieces[piece[order]], indices=place)
            cover = shapely.union_all(cover[:, None], axis=1)
            beyond[met] = shapely.difference(polygons[met], cover)
        return beyond

    def __contains__(self, scene: int) -> bool:
        return bool((self.scenes == scene).any())


class Edge:
    """The border of what was analysed by all scenes together."""

    def __init__(self, together: Geometries) -> None:
        rings = shapely.get_parts(shapely.boundary(together))
        self._tree = shapely.STRtree([line for ring in rings for line in _runs(shapely.get_coordinates(ring))])

    def touches(self, polygons: Geometries, within: Float64) -> Bools:
        """Whether polygons come that near to the border; distances in the units of the map, both of shape ``(n,)``."""
        found = np.zeros(len(polygons), dtype=bool)
        found[self._tree.query(polygons, predicate="dwithin", distance=within)[0]] = True
        return found


def _runs(corners: Float64) -> Iterator[shapely.LineString]:
    for first in range(0, len(corners) - 1, VERTICES // 4):
        yield shapely.LineString(corners[first : first + VERTICES // 4 + 1])


def _pieces(polygon: shapely.Geometry) -> Iterator[shapely.Geometry]:
    """A polygon as pieces with few vertices, as PostGIS's ST_Subdivide makes them."""
    if shapely.get_num_coordinates(polygon) <= VERTICES:
        yield from (part for part in shapely.get_parts(polygon) if part.geom_type == "Polygon")
        return
    left, bottom, right, top = polygon.bounds
    if right - left > top - bottom:
        middle = (left + right) / 2
        halves = shapely.box(left, bottom, middle, top), shapely.box(middle, bottom, right, top)
    else:
        middle = (bottom + top) / 2
        halves = shapely.box(left, bottom, right, middle), shapely.box(left, middle, right, top)
    for half in halves:
        cut = shapely.intersection(polygon, half)
        yield from (piece for part in shapely.get_parts(cut) if part.geom_type == "Polygon" for piece in _pieces(part))
