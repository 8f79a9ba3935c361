"""What counts as a landslide, and how its polygon is drawn: small ones go, holes are filled, outlines simplified."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely

from landslide_cli.errors import TerrainError, is_number, refuse_unless
from landslide_cli.mosaic.encoding import stored_threshold
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bools, Float64, Geometries

Boundary = Literal["pixel", "smooth"]
BOUNDARIES = ("pixel", "smooth")


@dataclass(frozen=True, slots=True)
class PolygonRules:
    """The rules by which probabilities become polygons, and by which polygons stay.

    Raises:
        OptionError: a value that it can't have.
    """

    threshold: float | None = None
    """Probability from which a pixel counts as landslide, above 0 and up to 1; by default the model card's, or that of
    the run that wrote the raster."""
    min_area_m2: float = 0.0
    """Smaller polygons are dropped, before holes are filled."""
    fill_holes_m2: float = 0.0
    """Holes up to this area are filled."""
    simplify_m: float = 0.0
    """Metres by which outlines may move to lose vertices; 0 keeps them as they are."""
    connectivity: Literal[4, 8] = 4
    """8 joins pixels that touch at a corner into one landslide of several parts."""
    boundary: Boundary = "pixel"
    """``pixel`` for outlines along the edges of pixels, ``smooth`` for such that follow the probability."""
    dem: str | Path | None = None
    """Elevation model, in any CRS and resolution, to measure height, slope and aspect by."""
    min_slope_deg: float = 0.0
    """Landslides with a smaller mean slope are dropped; needs ``dem``."""

    def __post_init__(self) -> None:
        if self.threshold is not None:
            share = is_number(self.threshold) and 0 < self.threshold <= 1
            refuse_unless(share, "threshold", self.threshold, "give a probability above 0 and up to 1")
        for name in ("min_area_m2", "fill_holes_m2", "simplify_m"):
            value = getattr(self, name)
            unit = "square metres" if name.endswith("_m2") else "metres"
            refuse_unless(is_number(value) and value >= 0, name, value, f"give {unit}, 0 or more")
        refuse_unless(self.connectivity in (4, 8), "connectivity", self.connectivity, "give 4 or 8")
        refuse_unless(self.boundary in BOUNDARIES, "boundary", self.boundary, "give pixel or smooth")
        slope = is_number(self.min_slope_deg) and 0 <= self.min_slope_deg <= 90
        refuse_unless(slope, "min_slope_deg", self.min_slope_deg, "give degrees from 0 to 90")

    def with_threshold(self, threshold: float) -> PolygonRules:
        """The same rules with this threshold, if they have none of their own."""
        return self if self.threshold is not None else replace(self, threshold=threshold)

    @property
    def lowest_stored(self) -> int:
        """Smallest stored value that counts as landslide; the threshold must be decided."""
        assert self.threshold is not None
        return stored_threshold(self.threshold)

    @property
    def outline_level(self) -> float | None:
        """Stored value that smooth outlines follow: midway between those that just count as landslide and just don't.

        There probabilities were rounded to one or the other. None for outlines of pixels.
        """
        return self.lowest_stored - 0.5 if self.boundary == "smooth" else None

    def refuse_lonely_slope(self) -> None:
        """Check that a smallest slope has heights to come from.

        Raises:
            TerrainError: there is no elevation model.
        """
        if self.dem is None and self.min_slope_deg:
            raise TerrainError(
                f"--min-slope {self.min_slope_deg:g} needs the heights of the ground; give them with --dem FILE"
            )

    def sieve_px(self, pixel_m: tuple[float, float] | None) -> float:
        """Pixels below which a component is surely too small: dropped before any geometry is made.

        Pixels far from the centre may be larger, and a smooth outline may hold twice the area of its pixels, so this
        sieve is coarse; the true area decides later.
        """
        return 0.25 * self.min_area_m2 / math.prod(pixel_m) if pixel_m else 0.0


def shaped(pixels: Geometries, ground: Ground, rules: PolygonRules) -> tuple[Bools, Geometries, Float64, Float64]:
    """Drop, fill and simplify.

    Without metres (no CRS) polygons stay as they are.

    Returns:
        ``(keep, placed, area_m2, perimeter_m)``: which of ``pixels`` stay, bool, shape ``(n,)``; those in the scene's
        CRS, and their sizes as float64, shape ``(n that stay,)``.
    """
    placed = ground.place(pixels)
    area, perimeter = ground.measure(placed)
    keep = ~(area < rules.min_area_m2)
    if not ground.pixel_m or not (rules.fill_holes_m2 or rules.simplify_m):
        return keep, placed[keep], area[keep], perimeter[keep]
    filled = fill_holes(pixels[keep], ground, rules.fill_holes_m2)
    placed = ground.place(simplify(filled, rules.simplify_m / math.sqrt(math.prod(ground.pixel_m))))
    return keep, placed, *ground.measure(placed)


def fill_holes(pixels: Geometries, ground: Ground, largest_m2: float) -> Geometries:
    """Fill the holes of at most ``largest_m2``, measured on the ellipsoid."""

    def filled(polygon: Any) -> Any:
        if isinstance(polygon, shapely.MultiPolygon):
            # A part may lie in a hole of another one, and is swallowed where that is filled.
            whole = shapely.union_all([filled(part) for part in polygon.geoms])
            return whole if isinstance(whole, shapely.MultiPolygon) else shapely.MultiPolygon([whole])
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
