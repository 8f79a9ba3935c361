"""What a person did to an inventory: the attributes of a polygon that was reshaped no longer fit its outline.

The sizes that were measured of an outline serve as its checksum. They tell an outline that was moved by a centimetre,
and they stay what they are where a program stores the same outline in another way: from another vertex on, the other
way round, as a polygon of several parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
import pandas as pd
import shapely
from pandas.api.types import is_numeric_dtype

from landslide_cli.inventory.attributes import FIELDS, PIXEL_FIELDS, SHORT_NAMES, completed, rounded
from landslide_cli.inventory.slope import FIELDS as SLOPES
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.placing import ground_in
from landslide_cli.typing import Bools, Float64, Geometries

SHAPE = ("area_m2", "perimeter_m", "length_m", "width_m", "azimuth_deg", "elongation", "compactness", "lon", "lat")
TERRAIN = (*SLOPES, "h_over_l", "h_l_angle_deg")
# Two decimals are written, and another version of PROJ may round otherwise.
ROUNDING, RELATIVE = 0.011, 1e-7
DEGREES = 2.1e-7  # twice the last decimal of a centroid, which is a centimetre
# GeoJSON is written with seven decimals of a degree.
COARSE_M = 0.012


@dataclass(frozen=True)
class Edited:
    """The rows of an inventory beside what they were measured to be. Arrays have the shape ``(n,)``.

    Attributes:
        outlines: Polygons of one part or several, valid and flat; None where a row has none.
        there: Rows that have a polygon.
        mended: Rows whose polygon crosses itself, so that its areas stand for it.
        drawn: Rows with a polygon that nothing was ever measured of.
        reshaped: Rows whose polygon isn't that which their sizes were measured of.
        emptied: Rows without a polygon that still have sizes.
        sizes: Area, perimeter and centroid of every row, as they are now; NaN without a polygon or a CRS.
    """

    outlines: Geometries
    there: Bools
    mended: Bools
    drawn: Bools
    reshaped: Bools
    emptied: Bools
    sizes: dict[str, Float64]

    @property
    def changed(self) -> Bools:
        """Rows to measure anew, shape ``(n,)``."""
        return self.drawn | self.reshaped


def compare(frame: geopandas.GeoDataFrame, ground: Ground, *, coarse: bool = False) -> Edited:
    """Find out what was changed.

    Args:
        frame: All rows of an inventory, or of any layer of polygons.
        ground: Where its coordinates lie.
        coarse: Whether coordinates were rounded when they were written, as those of GeoJSON are.
    """
    outlines, mended = polygons_of(frame.geometry.to_numpy())
    there = ~shapely.is_missing(outlines)
    sizes = {name: np.full(len(frame), np.nan) for name in ("area_m2", "perimeter_m", "lon", "lat")}
    centroids = shapely.get_coordinates(shapely.centroid(outlines[there]))
    now = (*ground.measure(outlines[there]), *ground.longitude_latitude(*centroids.T))
    for values, measured in zip(sizes.values(), now, strict=True):
        values[there] = measured
    before = {name: column(frame, name) for name in sizes}
    known = np.isfinite(before["area_m2"])
    # Without a CRS nothing has a size, but what was found has pixels. A number may come from anywhere.
    named = known | np.isfinite(column(frame, "pixels"))
    slack = COARSE_M if coarse else 0.0
    vertices = np.where(there, shapely.get_num_coordinates(outlines), 0)
    room = {
        "area_m2": ROUNDING + RELATIVE * sizes["area_m2"] + slack * sizes["perimeter_m"],
        "perimeter_m": ROUNDING + RELATIVE * sizes["perimeter_m"] + slack * vertices,
        "lon": DEGREES / np.cos(np.radians(np.nan_to_num(sizes["lat"]))).clip(1e-6),
        "lat": np.full(len(frame), DEGREES),
    }
    differs = np.zeros(len(frame), dtype=bool)
    for name, values in sizes.items():
        apart = np.abs(values - before[name])
        if name == "lon":
            apart = np.minimum(apart, 360 - apart)
        # A size that was never written tells nothing, unless it is the area.
        differs |= apart > room[name]
    differs |= np.isfinite(sizes["area_m2"]) & ~known
    return Edited(outlines, there, mended, there & ~named, there & named & differs, ~there & known, sizes)


def polygons_of(geometry: Geometries) -> tuple[Geometries, Bools]:
    """The polygons of geometries of any kind, shape ``(n,)``: valid and flat, None where there is none.

    Returns:
        ``(outlines, mended)``: which of them crossed themselves is bool, shape ``(n,)``.
    """
    flat = shapely.force_2d(geometry)
    broken = ~shapely.is_valid(flat) & ~shapely.is_missing(flat)
    single = np.isin(shapely.get_type_id(flat), (3, 6)) & ~broken & ~shapely.is_empty(flat)
    outlines: Geometries = np.full(len(flat), None, dtype=object)
    outlines[single] = flat[single]
    for row in np.flatnonzero(~single & ~shapely.is_missing(flat)):
        outlines[row] = _areas(flat[row])
    mended: Bools = broken & ~shapely.is_missing(outlines)
    return outlines, mended


def _areas(shape: shapely.Geometry) -> shapely.Geometry | None:
    """What a geometry encloses, as one polygon of one part or several; None if nothing."""
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return None
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(shape)))
    areas = [part for part in parts if part.geom_type == "Polygon" and part.area > 0]
    if len(areas) > 1:
        joined: shapely.Geometry = shapely.union_all(areas)
        return joined
    return areas[0] if areas else None


def column(frame: pd.DataFrame, name: str) -> Float64:
    """A column as float64, shape ``(n,)``: NaN for null, for what is no number, and where there is none."""
    if name not in frame:
        return np.full(len(frame), np.nan)
    numbers: Float64 = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, copy=True, na_value=np.nan)
    return numbers


def remeasured(edited: Edited, rows: Bools, ground: Ground) -> dict[str, Float64]:
    """Attributes of shape of some rows, rounded as they are written, each of shape ``(rows,)``.

    Args:
        edited: What was changed.
        rows: Which rows, all of them with a polygon, shape ``(n,)``.
        ground: Where their coordinates lie.
    """
    sizes = {name: edited.sizes[name][rows] for name in ("area_m2", "perimeter_m")}
    return rounded(completed(sizes, edited.outlines[rows], ground))


def up_to_date(frame: geopandas.GeoDataFrame, *, coarse: bool = False) -> geopandas.GeoDataFrame:
    """The same rows with sizes that fit their outlines, so that whoever adds them up gets what is there.

    Rows that weren't changed stay as they are, and so does a file that tells no area. What no outline tells of a
    changed row becomes null.

    Args:
        frame: Landslides of an inventory, all of them with a polygon.
        coarse: See `compare`.
    """
    told = frame.get("area_m2")
    if told is None or not (is_numeric_dtype(told) or told.isna().all()):
        return frame  # no inventory of ours
    ground = ground_in(frame.crs)
    edited = compare(frame, ground, coarse=coarse)
    rows = edited.changed
    if not rows.any() or not ground.measurable:
        return frame
    measured = remeasured(edited, rows, ground)
    stale = [name for name in (*SHAPE, *PIXEL_FIELDS, *TERRAIN, "confidence") if name in frame and name not in measured]
    changes = {name: frame[name].mask(rows) for name in stale}
    for name, values in measured.items():
        now = column(frame, name)
        now[rows] = values
        changes[name] = pd.Series(now, index=frame.index)
    return frame.assign(**changes)


def ours(frame: pd.DataFrame) -> dict[str, str]:
    """Columns of a file that are ours, by our names: SQL tells no case apart, and a shapefile's names are short."""
    there = {str(name).casefold(): str(name) for name in frame.columns}
    names = {name: (SHORT_NAMES.get(name, name), name) for name in FIELDS}
    return {name: there[one] for name, ways in names.items() for one in ways if one in there}
