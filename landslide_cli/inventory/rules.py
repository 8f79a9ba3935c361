"""What counts as a landslide, and how its polygon is drawn: small ones go, holes are filled, outlines simplified."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely

from landslide_cli.errors import OptionError, TerrainError, is_number, refuse_unless
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
    min_area_m2: float | None = None
    """Smaller polygons are dropped, before holes are filled; by default those below what the model card says that the
    model can see, or as in the run that wrote the raster."""
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
    before: str | Path | None = None
    """Image of the same ground before the event, of any CRS, resolution and sensor, or the probability raster of one:
    tells new landslides from those that were there."""
    shift_m: float | None = None
    """Metres by which the two images may lie beside each other; three pixels of the coarser one by default."""
    new_share: float = 0.5
    """A landslide is new if at least this part of it was below the threshold before."""
    only_new: bool = False
    """Landslides that aren't new are dropped; needs ``before``. Where nobody knows, they stay."""

    def __post_init__(self) -> None:
        if self.threshold is not None:
            share = is_number(self.threshold) and 0 < self.threshold <= 1
            refuse_unless(share, "threshold", self.threshold, "give a probability above 0 and up to 1")
        for name in ("min_area_m2", "fill_holes_m2", "simplify_m"):
            value = getattr(self, name)
            if value is None and name == "min_area_m2":
                continue
            unit = "square metres" if name.endswith("_m2") else "metres"
            refuse_unless(is_number(value) and value >= 0, name, value, f"give {unit}, 0 or more")
        refuse_unless(self.connectivity in (4, 8), "connectivity", self.connectivity, "give 4 or 8")
        refuse_unless(self.boundary in BOUNDARIES, "boundary", self.boundary, "give pixel or smooth")
        if self.shift_m is not None:
            right = is_number(self.shift_m) and self.shift_m >= 0
            refuse_unless(right, "shift_m", self.shift_m, "give metres, 0 or more")
        share = is_number(self.new_share) and 0 < self.new_share <= 1
        refuse_unless(share, "new_share", self.new_share, "give a part of the area, above 0 and up to 1")
        slope = is_number(self.min_slope_deg) and 0 <= self.min_slope_deg <= 90
        refuse_unless(slope, "min_slope_deg", self.min_slope_deg, "give degrees from 0 to 90")

    def with_threshold(self, threshold: float, min_area_m2: float = 0.0) -> PolygonRules:
        """The same rules with this threshold and this smallest area, where they have none of their own."""
        return replace(
            self,
            threshold=threshold if self.threshold is None else self.threshold,
            min_area_m2=min_area_m2 if self.min_area_m2 is None else self.min_area_m2,
        )

    @property
    def smallest_m2(self) -> float:
        """Smallest area that stays; 0 as long as it isn't decided."""
        return self.min_area_m2 or 0.0

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

    def refuse_lonely_newness(self) -> None:
        """Check that there is an image of before where something is said about it.

        Raises:
            OptionError: there is none.
        """
        given = [name for name, told in (("--only-new", self.only_new), ("--shift", self.shift_m is not None)) if told]
        if self.before is None and given:
            raise OptionError(f"{given[0]} needs an image of the ground before; give it with --before FILE")

    def sieve_px(self, pixel_m: tuple[float, float] | None) -> float:
        """Pixels below which a component is surely too small: dropped before any geometry is made.

        Pixels far from the centre may be larger, and a smooth outline may hold twice the area of its pixels, so this
        sieve is coarse; the true area decides later.
        """
        return 0.25 * self.smallest_m2 / math.prod(pixel_m) if pixel_m else 0.0


def shaped(pixels: Geometries, ground: Ground, rules: PolygonRules) -> tuple[Bools, Geometries, Float64, Float64]:
    """Drop, fill and simplify.

    Without metres (no CRS) polygons stay as they are.

    Returns:
        ``(keep, placed, area_m2, perimeter_m)``: which of ``pixels`` stay, bool, shape ``(n,)``; those in the scene's
        CRS, and their sizes as float64, shape ``(n that stay,)``.
    """
    placed = ground.place(pixels)
    area, perimeter = ground.measure(placed)
    keep = ~(area < rules.smallest_m2)
    if not ground.pixel_m or not (rules.fill_holes_m2 or rules.simplify_m):
        return keep, placed[keep], area[keep], perimeter[keep]
    filled = fill_holes(pixels[keep], ground, rules.fill_holes_m2)
    placed = simplified(filled, ground, rules.simplify_m / math.sqrt(math.prod(ground.pixel_m)))
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


def simplified(pixels: Geometries, ground: Ground, tolerance_px: float) -> Geometries:
    """Douglas-Peucker in pixel coordinates, placed in the scene's CRS; polygons stay valid, and none vanishes."""
    placed = ground.place(pixels)
    if tolerance_px == 0:
        return placed
    simple = shapely.simplify(pixels, tolerance_px, preserve_topology=True)
    fewer = ground.place(simple)
    # Judged where they lie: a vertex that touches an edge of another ring may come to lie on its other side.
    usable = shapely.is_valid(fewer) & (shapely.area(simple) > 0)
    return _objects(np.where(usable, fewer, placed))


def _objects(values: Any) -> Geometries:
    """An object array, also of nothing."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
