"""What is done to polygons before they are written: small ones go, holes are filled, outlines are simplified."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.scene.ground import Geometries, Ground


@dataclass(frozen=True, slots=True)
class Shaping:
    """What is done to polygons before they are written.

    Attributes:
        min_area_m2: Smaller polygons are dropped, before holes are filled.
        fill_holes_m2: Holes up to this area are filled.
        simplify_m: Outlines may move by this much to lose vertices; 0 keeps the pixels' outline.
    """

    min_area_m2: float = 0.0
    fill_holes_m2: float = 0.0
    simplify_m: float = 0.0

    def sieve_px(self, pixel_m: tuple[float, float] | None) -> float:
        """Pixels below which a component is surely too small: dropped before any geometry is made.

        Pixels far from the centre may be larger, and a smooth outline may hold twice the area of its pixels, so this
        sieve is coarse; the true area decides later.
        """
        return 0.25 * self.min_area_m2 / math.prod(pixel_m) if pixel_m else 0.0


def shaped(
    pixels: Geometries, ground: Ground, shaping: Shaping
) -> tuple[NDArray[np.bool_], Geometries, NDArray[np.float64], NDArray[np.float64]]:
    """Drop, fill and simplify.

    Without metres (no CRS) polygons stay as they are.

    Returns:
        ``(keep, placed, area_m2, perimeter_m)``: which of ``pixels`` stay, and those in the scene's CRS.
    """
    placed = ground.place(pixels)
    area, perimeter = ground.measure(placed)
    keep = ~(area < shaping.min_area_m2)
    if not ground.pixel_m or not (shaping.fill_holes_m2 or shaping.simplify_m):
        return keep, placed[keep], area[keep], perimeter[keep]
    filled = fill_holes(pixels[keep], ground, shaping.fill_holes_m2)
    placed = ground.place(simplify(filled, shaping.simplify_m / math.sqrt(math.prod(ground.pixel_m))))
    return keep, placed, *ground.measure(placed)


def fill_holes(pixels: Geometries, ground: Ground, largest_m2: float) -> Geometries:
    """Fill the holes of at most ``largest_m2``, measured on the ellipsoid."""

    def filled(polygon: Any) -> Any:
        if isinstance(polygon, shapely.MultiPolygon):
            return shapely.MultiPolygon([filled(part) for part in polygon.geoms])
        if not polygon.interiors:
            return polygon
        holes = np.array([shapely.Polygon(ring) for ring in polygon.interiors], dtype=object)
        area, _ = ground.measure(ground.place(holes))
        kept = [ring for ring, m2 in zip(polygon.interiors, area, strict=True) if m2 > largest_m2]
        return shapely.Polygon(polygon.exterior, kept)

    return _objects([filled(polygon) for polygon in pixels])


def simplify(pixels: Geometries, tolerance_px: float) -> Geometries:
    """Douglas-Peucker in pixel coordinates; polygons stay valid, and none vanishes."""
    if tolerance_px == 0:
        return pixels
    simple = shapely.simplify(pixels, tolerance_px, preserve_topology=True)
    usable = shapely.is_valid(simple) & (shapely.area(simple) > 0)
    return _objects(np.where(usable, simple, pixels))


def _objects(values: Any) -> Geometries:
    """An object array, also of nothing."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
