"""Polygons of an inventory, brought onto a scene's pixels and painted there row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from landslide_cli.errors import EvaluationError
from landslide_cli.scene.vectors import UnreadableError, layers, polygonal, read_layer, reprojected
from landslide_cli.typing import Geometries, Int32

if TYPE_CHECKING:
    from rasterio.crs import CRS

POLYGONAL = {"Polygon", "MultiPolygon", "GeometryCollection"}


def layer_names(path: Path) -> list[str]:
    """Names of the layers that hold geometries.

    Raises:
        EvaluationError: the file can't be read as vectors.
    """
    with _readable(path):
        return [name for name, kind in layers(path).items() if kind is not None]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        raise EvaluationError(
            f"{path} can't be read as polygons: {error}; "
            "give a GeoPackage, shapefile, GeoJSON, FlatGeobuf or GeoParquet"
        ) from error


def landslide_layer(path: Path) -> str:
    """The layer that holds the landslides: ``landslides``, or the only one.

    Raises:
        EvaluationError: the file can't be read, or there are several others.
    """
    names = layer_names(path)
    if "landslides" in names:
        return "landslides"
    if len(names) != 1:
        held = ", ".join(names) or "no layer of geometries"
        raise EvaluationError(
            f"{path} holds {held}; one layer is needed, or one called landslides: ogr2ogr one.gpkg {path} LAYER"
        )
    return names[0]


def read_polygons(path: Path, layer: str, *, transform: Affine, crs: CRS | None) -> Geometries:
    """Read the polygons of a layer, in any CRS, in pixel coordinates of a scene (x to the right, y down).

    Features without geometry are left out; several parts of one feature stay together.

    Raises:
        EvaluationError: the layer can't be read or holds something else than polygons, or its CRS or the scene's
            isn't known.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    with _readable(path):
        read = read_layer(path, layer, columns=[])
        frame = polygonal(read)
    kinds = set(read.geom_type[~(read.geometry.isna() | read.geometry.is_empty)]) - POLYGONAL
    if kinds:
        raise EvaluationError(f"{path}, layer {layer}: holds {', '.join(sorted(kinds))}; polygons are needed")
    if len(frame) and (frame.crs is None) != (crs is None):
        bare, other = (path, "the scene") if frame.crs is None else ("the scene", str(path))
        raise EvaluationError(
            f"{bare} has no coordinate reference system but {other} has one, so they can't be laid over each other; "
            "assign it (ogr2ogr -a_srs, gdal_edit.py -a_srs)"
        )
    with _readable(path):
        frame = reprojected(frame, crs)
    inverse = ~transform
    return np.asarray(
        shapely.transform(frame.geometry.to_numpy(), lambda x, y: inverse @ (x, y), interleaved=False), dtype=object
    )


class Painter:
    """Paints polygons in pixel coordinates onto full-width rows; a pixel belongs to what covers its centre."""

    def __init__(self, polygons: Geometries, *, width: int) -> None:
        self._polygons = polygons
        self._tree = shapely.STRtree(polygons)
        self._width = width

    def __len__(self) -> int:
        return len(self._polygons)

    def rows(self, first: int, last: int) -> Int32:
        """Number of the polygon (from 1) at each pixel, shape ``(last - first, width)``; 0 where there is none.

        Where polygons overlap, the later one is seen.
        """
        shape = (last - first, self._width)
        here = np.sort(self._tree.query(shapely.box(0, first, self._width, last)))
        if len(here) == 0:
            return np.zeros(shape, dtype=np.int32)
        painted: Int32 = rasterize(
            [(self._polygons[index], int(index) + 1) for index in here],
            out_shape=shape,
            transform=Affine.translation(0, first),
            dtype="int32",
        )
        return painted
