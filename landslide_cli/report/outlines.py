"""Polygons as small whole numbers, for drawing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely

from landslide_cli.report.frame import Frame
from landslide_cli.typing import Geometries

FINER = 3  # levels below the scene's own: its pixels are cut into eight
VERTICES = 800_000
COARSEST = 6

Rings = list[list[int]]


@dataclass(frozen=True)
class Outlines:
    """Polygons in pixels of the level ``zoom``, relative to ``origin``.

    Attributes:
        zoom: Level whose pixels are the unit.
        origin: What x and y are counted from.
        shapes: For each polygon its rings, outer ones and holes alike, without their last vertex: x and y of the
            first vertex, then steps to each next one.
        simplified_px: By how many of the scene's pixels vertices may have moved; 0 if none was left out.
    """

    zoom: int
    origin: tuple[int, int]
    shapes: list[Rings]
    simplified_px: float


def outlines(placed: Geometries, frame: Frame, *, limit: int = VERTICES) -> Outlines:
    """Round polygons in map units to eighths of the scene's pixels, and simplify them if they have too many vertices.

    Args:
        placed: Polygons, of one or several parts.
        frame: The map.
        limit: Vertices above which they are simplified, a few times at most.
    """
    zoom = frame.native_zoom + FINER
    left, _, _, top = frame.outline.bounds
    origin = tuple(int(v) for v in np.floor(frame.pixels(np.array(left), np.array(top), zoom)))
    drawn = shapely.transform(
        placed, lambda x, y: np.subtract(frame.pixels(x, y, zoom), np.reshape(origin, (2, 1))), interleaved=False
    )
    simplified = 0.0
    fine = drawn
    while int(shapely.get_num_coordinates(drawn).sum()) > limit and simplified < COARSEST:
        simplified = simplified + 1 if simplified else 0.5
        drawn = shapely.simplify(fine, simplified * frame.side / frame.pixel_side(zoom), preserve_topology=False)
        drawn = np.where(shapely.is_empty(drawn), fine, drawn)
    return Outlines(zoom, (origin[0], origin[1]), _steps(drawn), simplified)


def _steps(drawn: Geometries) -> list[Rings]:
    if not len(drawn):
        return []
    parts, whose = shapely.get_parts(drawn, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    found: list[Rings] = [[] for _ in drawn]
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    whole = np.rint(vertices).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=0)
    starts = np.flatnonzero(np.diff(ring, prepend=-1))
    steps[starts] = whole[starts]
    flat = steps.ravel().tolist()
    for (start, end), owner in zip(pairwise([*starts.tolist(), len(whole)]), whose[part].tolist(), strict=True):
        found[owner].append(flat[2 * start : 2 * (end - 1)])
    return found
