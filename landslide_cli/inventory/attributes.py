"""The attributes of landslides: which there are, and how those of shape and terrain are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.inventory.rules import PolygonRules, shaped
from landslide_cli.inventory.terrain import Terrain, open_terrain
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bools, Float64, Geometries

Columns = Mapping[str, NDArray[Any]]

# What is told of a landslide's pixels, by whoever has seen them.
PIXEL_FIELDS = {
    "pixels": np.int64, "prob_mean": np.float64, "prob_median": np.float64, "prob_p90": np.float64,
    "prob_max": np.float64, "high_share": np.float64, "prob_spread": np.float64, "cut": np.bool_,
    "prob_before": np.float64, "new_share": np.float64, "new": np.float64,
}  # fmt: skip
# Every attribute in the order of the table, and its decimals; None where it isn't rounded.
FIELDS: dict[str, int | None] = {
    "id": None, "status": None, "confidence": None, "note": None, "reviewer": None, "reviewed_at": None,
    "area_m2": 2, "perimeter_m": 2, "length_m": 2, "width_m": 2, "azimuth_deg": 1, "elongation": 3, "compactness": 4,
    "lon": 7, "lat": 7, "nearest_m": 2, "pixels": None, "prob_mean": 4, "prob_median": 4,
    "prob_p90": 4, "prob_max": 4, "high_share": 4, "prob_spread": 4,
    "prob_before": 4, "new_share": 4, "new": None, "elev_min_m": 2, "elev_max_m": 2, "relief_m": 2,
    "slope_mean_deg": 2, "slope_max_deg": 2, "aspect_deg": 1, "h_over_l": 4, "h_l_angle_deg": 2, "cut": None,
    "scene": None, "model": None,
}  # fmt: skip
# A shapefile's field names hold ten characters.
SHORT_NAMES = {
    "perimeter_m": "perim_m", "azimuth_deg": "azim_deg", "compactness": "compact", "prob_median": "prob_med",
    "prob_spread": "prob_sprd", "slope_mean_deg": "slp_mn_deg", "slope_max_deg": "slp_mx_deg",
    "h_l_angle_deg": "hl_ang_deg", "reviewed_at": "reviewd_at",
    "prob_before": "prob_bef",
}  # fmt: skip
# What is told of the ground before, where there is an image of it; ``new`` is 1 or 0, and NaN where nobody knows.
OF_BEFORE = ("prob_before", "new_share", "new")
# Directions that rounding may bring to a full turn, which is none.
TURNS = {"azimuth_deg": 180.0, "aspect_deg": 360.0}
# Sides of a rectangle that differ by less are those of a square.
SQUARE = 1e-6


@dataclass(frozen=True, slots=True)
class Measured:
    """Landslides that stay.

    Attributes:
        keep: Which of the polygons given they are.
        placed: Their polygons in the scene's CRS.
        columns: Their attributes of size and terrain.
        flat: Polygons that were dropped because their slope is too small.
    """

    keep: Bools
    placed: Geometries
    columns: dict[str, Float64]
    flat: int


@dataclass(frozen=True)
class Measurer:
    """Shapes polygons, sorts out those that nobody wants, and measures the others.

    Attributes:
        ground: Where the scene's pixels lie.
        rules: What is done to the polygons, and which of them stay.
        terrain: Elevation model, if there is one.
    """

    ground: Ground
    rules: PolygonRules = PolygonRules()
    terrain: Terrain | None = None

    def sieve(self, pixels: Geometries) -> Measured:
        """Shape polygons in pixel coordinates and drop the small and the flat ones; measure what that takes."""
        keep, placed, area, perimeter = shaped(pixels, self.ground, self.rules)
        columns = {"area_m2": area, "perimeter_m": perimeter}
        if self.terrain is None:
            return Measured(keep, placed, columns, 0)
        columns |= self.terrain.measure(placed)
        # What isn't known isn't flat.
        steep = ~(columns["slope_mean_deg"] < self.rules.min_slope_deg)
        keep[keep] = steep
        flat = int(np.count_nonzero(~steep))
        return Measured(keep, placed[steep], {name: values[steep] for name, values in columns.items()}, flat)

    def measure(self, pixels: Geometries) -> Measured:
        """The same with all attributes of shape and terrain but the distance to neighbours."""
        found = self.sieve(pixels)
        return Measured(found.keep, found.placed, completed(found.columns, found.placed, self.ground), found.flat)


@contextmanager
def open_measurer(rules: PolygonRules, ground: Ground, size: tuple[int, int]) -> Iterator[Measurer]:
    """Open a measurer for a raster's polygons, and the elevation model of its rules.

    Args:
        rules: What is done to the polygons; their threshold is decided.
        ground: Where the raster's pixels lie.
        size: The raster's rows and columns.

    Raises:
        TerrainError: see `landslide_cli.inventory.terrain.open_terrain`; or a smallest slope is asked for without one.
        OptionError: something is said of new landslides, but there is no image of before.
    """
    rules.refuse_lonely_slope()
    rules.refuse_lonely_newness()
    if rules.dem is None:
        yield Measurer(ground, rules)
        return
    with open_terrain(rules.dem, scene=ground, size=size) as terrain:
        yield Measurer(ground, rules, terrain)


def completed(columns: dict[str, Float64], placed: Geometries, ground: Ground) -> dict[str, Float64]:
    """All attributes of shape and terrain, each of shape ``(n,)``, but the distance to neighbours.

    Args:
        columns: ``area_m2`` and ``perimeter_m``, and what the elevation model says, if there is one.
        placed: The polygons in the CRS of the ground.
        ground: Where they lie.
    """
    columns = columns | dimensions(placed, ground)
    columns["compactness"] = compactness(columns["area_m2"], columns["perimeter_m"])
    if "relief_m" in columns:
        columns["h_over_l"] = columns["relief_m"] / columns["length_m"]
        columns["h_l_angle_deg"] = np.degrees(np.arctan(columns["h_over_l"]))
    return columns


def outlined(placed: Geometries, ground: Ground) -> dict[str, Float64]:
    """All attributes that the outlines of polygons in the scene's CRS tell by themselves, each of shape ``(n,)``."""
    area, perimeter = ground.measure(placed)
    return completed({"area_m2": area, "perimeter_m": perimeter}, placed, ground)


def compactness(area_m2: Float64, perimeter_m: Float64) -> Float64:
    """The share of a disc of the same perimeter, shape ``(n,)``.

    Polsby & Popper 1991, Yale Law & Policy Review 9, 301; before them Cox 1927, Journal of Paleontology 1, 179.
    """
    share: Float64 = 4 * np.pi * area_m2 / perimeter_m**2
    return share


def dimensions(placed: Geometries, ground: Ground) -> dict[str, Float64]:
    """Length, width, azimuth, elongation and centroid of polygons in the scene's CRS, each of shape ``(n,)``.

    Length and width are the sides of the smallest rectangle of any direction around the polygon, on the azimuthal
    equidistant plane about its centroid. The azimuth is that of the long side, from 0 to 180 degrees clockwise
    from true north; of the two of a square it is the smaller one. NaN without a CRS.
    """
    centroid = shapely.get_coordinates(shapely.centroid(placed))
    # The rectangle around the hull is that around the polygon, and the hull has few vertices.
    hull = shapely.convex_hull(placed)
    corners, polygon = shapely.get_coordinates(hull, return_index=True)
    local = ground.offsets(centroid[polygon], corners)
    known = np.ones(len(placed), dtype=bool)
    known[polygon[np.isnan(local).any(axis=1)]] = False
    length, width, azimuth = np.full((3, len(placed)), np.nan)
    flat = shapely.set_coordinates(hull.copy(), np.nan_to_num(local))[known]
    length[known], width[known], azimuth[known] = _sides(flat)
    longitude, latitude = ground.longitude_latitude(*centroid.T)
    return {
        "length_m": length, "width_m": width, "azimuth_deg": azimuth, "elongation": length / width,
        "lon": longitude, "lat": latitude,
    }  # fmt: skip


def _sides(flat: Geometries) -> tuple[Float64, Float64, Float64]:
    """Long side, short side and azimuth of the long one of the smallest rectangle around polygons on a plane."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(flat)).reshape(-1, 5, 2)
    sides = np.diff(corners[:, :3], axis=1)
    metres = np.hypot(*np.moveaxis(sides, -1, 0))
    azimuth = np.degrees(np.arctan2(sides[..., 0], sides[..., 1])).round(6) % 180
    first, second = metres.T
    square = np.abs(first - second) < SQUARE * first
    longer = np.where(square, azimuth[:, 1] < azimuth[:, 0], second > first).astype(int)
    every = np.arange(len(corners))
    return metres[every, longer], metres[every, 1 - longer], azimuth[every, longer]


def rounded(columns: Columns) -> dict[str, NDArray[Any]]:
    """Columns of shape ``(n,)`` in the order of the table, with the decimals that they carry."""
    table: dict[str, NDArray[Any]] = {}
    for name, decimals in FIELDS.items():
        if name in columns:
            values = columns[name]
            table[name] = values if decimals is None else np.round(values, decimals)
            if name in TURNS:
                table[name] = table[name] % TURNS[name]
    return table
