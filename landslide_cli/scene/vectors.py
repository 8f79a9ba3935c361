"""Reading vector files: what GDAL reads, and GeoParquet, which the GDAL inside pyogrio's wheels doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyogrio
import pyogrio.util
import pyproj

from landslide_cli.errors import LandslideError
from landslide_cli.extras import need
from landslide_cli.files.belonging import leaving_no_traces

if TYPE_CHECKING:
    import geopandas
    from rasterio.crs import CRS

PARQUET = ".parquet"
LANDSLIDES = "landslides"  # the layer that `landslide_cli.detect` writes
# Straight edges bend when they are reprojected; this many vertices along a file follow them closely.
EDGES_ACROSS = 1000


class UnreadableError(Exception):
    """A vector file can't be read; the callers know what it should have been."""


def layers(path: Path) -> dict[str, str | None]:
    """Names and geometry types of the layers, None for one without geometry; GeoParquet has one, named as the file.

    Raises:
        UnreadableError: the file can't be read as vectors.
    """
    if path.suffix.lower() == PARQUET:
        return {path.stem: "Unknown"}
    with _readable(path):
        return {str(name): kind for name, kind in pyogrio.list_layers(path)}


def read_layer(path: Path, layer: str | None = None, *, columns: Sequence[str] | None = None) -> geopandas.GeoDataFrame:
    """Read a layer.

    Args:
        path: The file.
        layer: Its name; the first by default.
        columns: Attributes to read, as far as they are there; all by default.

    Raises:
        UnreadableError: the file can't be read as vectors.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    import geopandas

    if path.suffix.lower() == PARQUET:
        need("pyarrow", extra="parquet", purpose=f"{path}: GeoParquet")
        with _readable():
            frame = geopandas.read_parquet(path)
        # Bounds of each polygon, by which readers skip row groups, are no attribute.
        known = frame.drop(columns="bbox", errors="ignore")
        held = known.columns if columns is None else [*known.columns.intersection(columns), known.geometry.name]
        return known[held]
    with _readable(path):
        # By name, since pyogrio warns where there are several.
        return geopandas.read_file(path, layer=layer or next(iter(layers(path)), None), columns=columns)


def read_polygons(
    path: Path, layer: str | None = None, *, columns: Sequence[str] | None = None
) -> geopandas.GeoDataFrame:
    """Read all polygons of a file, those inside of collections as well; everything else is left out.

    Args:
        path: The file.
        layer: The one layer to read; by default ``landslides``, which `landslide_cli.detect` writes, if there is one,
            else all layers, such as the folders of a KML, in the CRS of the first.
        columns: Attributes to read; all by default.

    Raises:
        UnreadableError: the file can't be read as vectors, has no geometry, or coordinates that aren't finite numbers.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    import pandas as pd

    held = [name for name, kind in layers(path).items() if kind is not None]
    names = [layer] if layer else [LANDSLIDES] if LANDSLIDES in held else held
    if not names:
        raise UnreadableError("it is a table without geometries")
    parts = [polygonal(read_layer(path, name, columns=columns)) for name in names]
    first, *others = [part for part in parts if len(part)] or parts[:1]
    with _readable():
        several = [first, *(part.to_crs(first.crs) if part.crs and first.crs else part for part in others)]
        return pd.concat(several, ignore_index=True) if others else first


def polygonal(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """The polygons of a layer; a collection, which clipping and mending leave, becomes the polygons in it.

    Raises:
        UnreadableError: it has no geometry, or coordinates that aren't finite numbers.
    """
    import geopandas

    if not isinstance(frame, geopandas.GeoDataFrame):
        raise UnreadableError("it is a table without geometries")
    with _readable():
        frame = frame.set_geometry(frame.geometry.map(_polygons_in))
        kept = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)
        if not _is_finite(kept):
            raise UnreadableError("it holds coordinates that aren't finite numbers")
    return kept


def _polygons_in(shape: Any) -> Any:
    """A polygon or several as they are, the polygons of a collection, None of everything else."""
    import shapely

    if shape is None or shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    if shape.geom_type != "GeometryCollection":
        return None
    found = [one for one in map(_polygons_in, shape.geoms) if one is not None and not one.is_empty]
    return shapely.MultiPolygon([single for one in found for single in shapely.get_parts(one)]) if found else None


def reprojected(
    frame: geopandas.GeoDataFrame, crs: CRS | None, around: tuple[float, float, float, float] | None = None
) -> geopandas.GeoDataFrame:
    """Bring polygons into a CRS; straight edges are followed closely, since they bend there.

    What has no CRS stays as it is.

    Args:
        frame: The polygons.
        crs: Where to.
        around: Left, bottom, right, top in that CRS, beyond which nothing matters: polygons may reach where it ends.

    Raises:
        UnreadableError: they can't be brought there.
    """
    import shapely
    from rasterio.warp import transform_bounds

    if not len(frame) or frame.crs is None or crs is None or frame.crs.equals(crs.to_wkt()):
        return frame
    for local, what in ((pyproj.CRS.from_wkt(crs.to_wkt()), "the scene's"), (frame.crs, "its")):
        if local.is_engineering:
            raise UnreadableError(
                f"{what} coordinate reference system {local.name!r} is a local one that isn't tied to the earth; give "
                "polygons in the scene's own coordinates, without a CRS or with the same one"
            )
    with _readable():
        if around:
            left, bottom, right, top = transform_bounds(crs, frame.crs.to_wkt(), *around)
            near = shapely.box(2 * left - right, 2 * bottom - top, 2 * right - left, 2 * top - bottom)
            # Across the antimeridian left lies right of right, and nothing is cut off.
            if left < right and not near.contains(shapely.box(*frame.total_bounds)):
                frame = frame.set_geometry(frame.geometry.make_valid().intersection(near))
        moved = _moved(frame, crs)
        if not _is_finite(moved):
            raise UnreadableError("it reaches farther than the scene's coordinate system; clip it to the region")
    return moved


def _moved(frame: geopandas.GeoDataFrame, crs: CRS) -> geopandas.GeoDataFrame:
    left, bottom, right, top = frame.total_bounds
    longest = max(right - left, top - bottom) / EDGES_ACROSS
    dense = frame.set_geometry(frame.geometry.segmentize(longest)) if longest > 0 else frame
    return dense.to_crs(crs.to_wkt())


def _is_finite(frame: geopandas.GeoDataFrame) -> bool:
    import numpy as np
    import shapely

    return bool(np.isfinite(shapely.get_coordinates(frame.geometry.to_numpy())).all())


def geoparquet_tags(path: Path) -> dict[str, str]:
    """Metadata of a GeoParquet file, the provenance among it."""
    from pyarrow import parquet

    found = parquet.read_metadata(path).metadata or {}
    return {name.decode(): text.decode() for name, text in found.items()}


@contextmanager
def _readable(path: Path | None = None) -> Iterator[None]:
    # GDAL would leave an .aux.xml beside a GeoPackage that it only reads.
    option = "GDAL_PAM_ENABLED"
    before = pyogrio.get_gdal_config_option(option)
    pyogrio.set_gdal_config_options({option: False})
    try:
        with leaving_no_traces([path]):
            yield
    except (UnreadableError, LandslideError):
        raise
    except Exception as error:
        # GDAL, GEOS, PROJ, pandas and pyarrow have dozens of kinds, and a damaged file meets any of them.
        raise UnreadableError(" ".join(str(error).split()).rstrip(".")) from error
    finally:
        pyogrio.set_gdal_config_options({option: before})


def _take_paths_as_they_are() -> None:
    """Let pyogrio pass the path of a file to GDAL whole.

    It cuts paths at ``!`` and ``;``, which stand for archives and parameters in URLs, and so writes into another file
    (https://github.com/geopandas/pyogrio/issues/632). A path whose folder exists is no URL.
    """
    parse = pyogrio.util._parse_uri

    def parse_uri(path: str) -> tuple[str, str, str]:
        there = Path(path)
        if "://" in path:
            return parse(path)
        return (path, "", "") if there.exists() or there.absolute().parent.is_dir() else parse(path)

    pyogrio.util._parse_uri = parse_uri


_take_paths_as_they_are()
