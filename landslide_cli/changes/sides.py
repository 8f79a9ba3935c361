"""The two inventories that are compared, whoever made them: polygons and points, flat, valid, in one CRS."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyproj
import shapely
from affine import Affine

from landslide_cli.errors import InventoryError, shown
from landslide_cli.inventory.footprints import Footprints
from landslide_cli.inventory.review import NOT_LANDSLIDE
from landslide_cli.merging.parts import ANALYSED, FOOTPRINTS, polygonal
from landslide_cli.merging.placing import Placing, common_crs
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.vectors import LANDSLIDES, UnreadableError, layers, read_layer
from landslide_cli.typing import Bools, Float64, Geometries

log = logging.getLogger(__name__)

POINTS = (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT)
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True)
class Side:
    """One of two inventories.

    Attributes:
        geometry: Its landslides, polygons or points, one for each row of the file.
        ids: What the file calls them.
        area_m2: Their areas, shape ``(n,)``; 0 for points, NaN without a CRS.
        looked: Where it looked; None if the file doesn't tell.
    """

    geometry: Geometries
    ids: list[str]
    area_m2: Float64
    looked: Footprints | None

    @cached_property
    def points(self) -> Bools:
        """Which of its landslides are points, shape ``(n,)``."""
        found: Bools = np.isin(shapely.get_type_id(self.geometry), POINTS)
        return found

    def looked_at(self, geometry: Geometries) -> Bools:
        """Whether it looked at more than half of polygons, or at points, shape ``(n,)``; True if it doesn't tell."""
        if self.looked is None or not len(geometry):
            return np.ones(len(geometry), dtype=bool)
        return self.looked.looked(geometry, np.zeros(len(geometry), dtype=np.int64))

    def within(self, geometry: Geometries) -> Geometries:
        """What of each polygon lies where it looked; all of it if it doesn't tell."""
        if self.looked is None or not len(geometry):
            return geometry
        beyond = self.looked.outside(geometry, np.zeros(len(geometry), dtype=np.int64))
        inner, reaches = geometry.copy(), ~shapely.is_empty(beyond)
        inner[reaches] = shapely.difference(geometry[reaches], beyond[reaches])
        return inner


def read_sides(old: Path, new: Path, crs: str | None) -> tuple[Side, Side, pyproj.CRS | None]:
    """Read both inventories; give them with their CRS: that of the new one, if none is asked for.

    Raises:
        InventoryError: one can't be read, holds neither polygons nor points, or has no CRS where the other has.
    """
    frames = {path: _landslides(path) for path in (old, new)}
    systems = {path: _system(frame.crs) for path, frame in frames.items()}
    if (systems[old] is None) != (systems[new] is None):
        lost = old if systems[old] is None else new
        raise InventoryError(
            f"{lost} has no coordinate reference system, so nobody knows where it lies; assign its own with "
            "ogr2ogr -a_srs EPSG:32648 placed.gpkg ..."
        )
    target = common_crs([systems[new]], crs)
    placing = Placing(target)
    one, other = (_side(path, frames[path], systems[path], placing) for path in (new, old))
    return other, one, target


def _system(crs: pyproj.CRS | None) -> pyproj.CRS | None:
    return None if crs is None or crs.is_engineering else crs


def _landslides(path: Path) -> geopandas.GeoDataFrame:
    """The polygons and points of a file, without those that a reviewer rejected."""
    try:
        held = [name for name, kind in layers(path).items() if kind is not None]
        wanted = [LANDSLIDES] if LANDSLIDES in held else [n for n in held if n not in (ANALYSED, FOOTPRINTS)]
        found = [read_layer(path, name) for name in wanted]
        found = [frame for frame in found if isinstance(frame, geopandas.GeoDataFrame)]
        first = next((frame.crs for frame in found if len(frame)), found[0].crs if found else None)
        frames = [frame.to_crs(first) if frame.crs and first else frame for frame in found]
        frame = pd.concat(frames, ignore_index=True) if frames else None
    except UnreadableError as error:
        raise InventoryError(f"{path} can't be read as an inventory: {error}; give a vector file") from error
    if frame is None:
        raise InventoryError(f"{path} is a table without geometries; give an inventory of polygons or points")
    geometry = polygonal(_of_collections(frame.geometry.to_numpy()))
    kind = shapely.get_type_id(geometry)
    kept = np.isin(kind, (*POINTS, *POLYGONS)) & ~shapely.is_empty(geometry)
    if len(frame) and not kept.any():
        raise InventoryError(f"{path} holds neither polygons nor points; give an inventory of landslides")
    if not kept.all():
        log.info("%s: %d without polygon or point: left out", shown(str(path)), (~kept).sum())
    frame = frame.set_geometry(geopandas.GeoSeries(geometry, crs=frame.crs, index=frame.index))[kept]
    if "status" in frame:
        rejected = (frame["status"] == NOT_LANDSLIDE).fillna(False).to_numpy(dtype=bool)
        if rejected.any():
            log.info("%s: %d that a reviewer rejected: left out", shown(str(path)), rejected.sum())
        frame = frame[~rejected]
    return frame.reset_index(drop=True)


def _of_collections(geometry: Geometries) -> Geometries:
    """Collections, which clipping and mending leave, as the polygons in them, else as the points."""
    found = shapely.force_2d(geometry)
    for place in np.flatnonzero(shapely.get_type_id(found) == shapely.GeometryType.GEOMETRYCOLLECTION):
        parts = shapely.get_parts(shapely.get_parts(found[place]))
        areas, spots = (parts[shapely.get_dimensions(parts) == size] for size in (2, 0))
        found[place] = shapely.MultiPolygon(list(areas)) if len(areas) else shapely.MultiPoint(list(spots))
    return found


def _side(path: Path, frame: geopandas.GeoDataFrame, crs: pyproj.CRS | None, placing: Placing) -> Side:
    geometry = placing(frame.geometry.to_numpy(), crs)
    polygons = np.isin(shapely.get_type_id(geometry), POLYGONS)
    area = np.zeros(len(geometry))
    area[polygons] = Ground(Affine.identity(), placing.target).measure(geometry[polygons])[0]
    return Side(geometry, _ids(frame), area, _looked(path, placing))


def _ids(frame: pd.DataFrame) -> list[str]:
    """What the file calls its landslides; else they are counted."""
    named = {str(name).casefold(): name for name in frame.columns}
    for name in ("id", "objectid", "fid", "gid"):
        if name in named and frame[named[name]].notna().all():
            return [f"{value:g}" if isinstance(value, float) else str(value) for value in frame[named[name]]]
    return [str(number) for number in range(1, len(frame) + 1)]


def _looked(path: Path, placing: Placing) -> Footprints | None:
    if ANALYSED not in layers(path):
        return None
    frame = read_layer(path, ANALYSED)
    outlines = polygonal(frame.geometry.to_numpy())
    outlines = outlines[np.isin(shapely.get_type_id(outlines), POLYGONS)]
    placed = shapely.get_parts(placing(outlines, _system(frame.crs), outlines=True))
    return Footprints(placed, np.zeros(len(placed), dtype=np.int64))
