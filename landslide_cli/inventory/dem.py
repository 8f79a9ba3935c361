"""Opening an elevation model for a scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyproj
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from landslide_cli.errors import TerrainError
from landslide_cli.inventory.terrain import Terrain
from landslide_cli.scene.ground import Geometries, Ground

METRES = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0}
FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us-ft": 1200 / 3937, "us survey foot": 1200 / 3937}
UNITS = METRES | FEET


@contextmanager
def open_terrain(
    path: str | Path | None, *, scene: Ground, size: tuple[int, int], min_slope_deg: float = 0.0
) -> Iterator[Terrain | None]:
    """Open an elevation model, in any CRS and resolution, for a scene.

    Args:
        path: Any raster of one band that GDAL reads; None for no elevation model.
        scene: Where the scene lies.
        size: The scene's rows and columns.
        min_slope_deg: See `Terrain`.

    Raises:
        TerrainError: it isn't a raster of heights, it or the scene has no CRS, or they don't meet;
            or a smallest slope is asked for without one.
    """
    if path is None:
        refuse_lonely_slope(path, min_slope_deg)
        yield None
        return
    try:
        src = rasterio.open(path)
    except RasterioError as error:
        raise TerrainError(
            f"--dem {path} can't be opened as a raster: {error}; give a GeoTIFF or another GDAL raster"
        ) from error
    with src:
        if src.count != 1:
            raise TerrainError(
                f"--dem {path} has {src.count} bands, but one of heights is needed; "
                f"take it out with gdal_translate -b NUMBER {path} dem.tif"
            )
        unit = (src.units[0] or "").lower()
        if unit not in UNITS:
            raise TerrainError(
                f"--dem {path} has heights in {unit!r}, but metres or feet are needed; "
                "convert them with gdal_calc.py, or clear the unit with gdal_edit.py -units ''"
            )
        to_dem = _between(scene.crs, src.crs, path)
        ground = Ground(src.transform, src.crs)
        if not ground.on_earth:
            raise TerrainError(
                f"--dem {path} has a local coordinate system; assign the right one (gdal_edit.py -a_srs)"
            )
        terrain = Terrain(src, ground, to_dem, UNITS[unit], min_slope_deg)
        (meets,) = terrain.on_dem(_outline(scene, size))
        if not shapely.is_valid(meets) or not meets.intersects(shapely.box(0, 0, src.width, src.height)):
            raise TerrainError(f"--dem {path} does not meet the scene; give one of the same region")
        yield terrain


def refuse_lonely_slope(path: str | Path | None, min_slope_deg: float) -> None:
    """Check that a smallest slope has heights to come from.

    Raises:
        TerrainError: there is no elevation model.
    """
    if path is None and min_slope_deg:
        raise TerrainError(f"--min-slope {min_slope_deg:g} needs the heights of the ground; give them with --dem FILE")


def _between(scene: CRS | None, dem: CRS | None, path: str | Path) -> pyproj.Transformer:
    for crs, what in ((scene, "the scene"), (dem, f"--dem {path}")):
        if crs is None:
            raise TerrainError(
                f"{what} has no coordinate reference system, so scene and heights can't be laid over each other; "
                "assign it with gdal_edit.py -a_srs"
            )
    # Compound systems carry heights of their own; only the place on the map is asked for.
    here, there = (pyproj.CRS.from_user_input(crs).to_2d() for crs in (scene, dem))
    return pyproj.Transformer.from_crs(here, there, always_xy=True)


def _outline(scene: Ground, size: tuple[int, int]) -> Geometries:
    height, width = size
    box = shapely.box(0, 0, width, height)
    return scene.place(np.array([shapely.segmentize(box, max(height, width) / 20)], dtype=object))
