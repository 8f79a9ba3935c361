"""The part of a scene that is to be analysed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.windows import Window

from landslide_cli.errors import AreaError, OutsideAreaError
from landslide_cli.scene.scene import Scene
from landslide_cli.scene.vectors import UnreadableError, read_polygons, reprojected
from landslide_cli.scene.view import View
from landslide_cli.typing import Bools


@dataclass(frozen=True)
class Area:
    """An area of interest in pixel coordinates of one scene (x to the right, y down)."""

    polygon: Any

    @property
    def window(self) -> Window:
        """The smallest window that it lies in."""
        left, top, right, bottom = self.polygon.bounds
        return Window.from_slices(*((int(low), math.ceil(high)) for low, high in ((top, bottom), (left, right))))

    def mask(self, window: Window) -> Bools:
        """True where a pixel's centre lies in the area; shape of the window."""
        shape = (int(window.height), int(window.width))
        left, top = int(window.col_off), int(window.row_off)
        box = shapely.box(left, top, left + shape[1], top + shape[0])
        if not self.polygon.intersects(box):
            return np.zeros(shape, dtype=bool)
        if self.polygon.contains(box):
            return np.ones(shape, dtype=bool)
        inside: Bools = geometry_mask(
            [self.polygon], out_shape=shape, transform=Affine.translation(left, top), invert=True
        )
        return inside


def read_area(view: View, scene: Scene) -> Area | None:
    """Bring ``aoi`` and ``bbox`` of a view onto its scene.

    Returns:
        Where both agree, or None if neither is given.

    Raises:
        AreaError: the file can't be read or holds no polygon, or can't be reprojected.
        OutsideAreaError: the area doesn't meet the scene.
    """
    parts = []
    aoi, bbox, transform, crs = view.aoi, view.bbox, scene.transform, scene.crs
    if bbox is not None:
        left, bottom, right, top = bbox
        if left >= right or bottom >= top:
            raise AreaError(f"--bbox {bbox} is empty; give LEFT,BOTTOM,RIGHT,TOP in the scene's coordinates")
        parts.append(shapely.box(left, bottom, right, top))
    if aoi is not None:
        parts.append(_read_polygons(Path(aoi), scene))
    if not parts:
        return None
    inverse = ~transform
    pixels = [shapely.transform(part, lambda x, y: inverse @ (x, y), interleaved=False) for part in parts]
    polygon = shapely.intersection_all([*pixels, shapely.box(0, 0, scene.width, scene.height)])
    if polygon.is_empty or polygon.area == 0:
        what = " and ".join(name for name, value in (("--aoi", aoi), ("--bbox", bbox)) if value is not None)
        raise OutsideAreaError(
            f"{what}: the area does not meet the scene; check its coordinates and CRS ({crs or 'none'})"
        )
    shapely.prepare(polygon)
    return Area(polygon)


def _read_polygons(path: Path, scene: Scene) -> Any:
    corners = [scene.transform @ corner for corner in ((0, 0), (scene.width, 0), (0, scene.height))]
    corners.append(scene.transform @ (scene.width, scene.height))
    xs, ys = zip(*corners, strict=True)
    try:
        shapes = reprojected(read_polygons(path, columns=[]), scene.crs, (min(xs), min(ys), max(xs), max(ys))).geometry
        if not shapes.empty:
            return shapely.union_all(shapely.make_valid(shapes.to_numpy()))
    except (UnreadableError, shapely.errors.GEOSException) as error:
        raise AreaError(
            f"{path} can't be read as polygons: {error}; give a GeoPackage, GeoJSON, shapefile, KML or GeoParquet"
        ) from error
    raise AreaError(f"{path} holds no polygon; give the area of interest as polygons")
