"""The formats of vector outputs, and the way from a GeoPackage to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyogrio
import pyproj
from affine import Affine
from pyproj.exceptions import CRSError
from rasterio.crs import CRS

from landslide_cli.errors import OutputError
from landslide_cli.extras import need
from landslide_cli.inventory.attributes import SHORT_NAMES
from landslide_cli.inventory.geoparquet import write_geoparquet
from landslide_cli.inventory.shapefile import refuse_misfit
from landslide_cli.inventory.sharing import MEDIA, WRITERS, refuse_unlocated, write_shared
from landslide_cli.scene.ground import Ground

# Media types: those of OGC and IANA where there is one.
DRIVERS = {
    ".gpkg": ("GPKG", "application/geopackage+sqlite3"),
    ".shp": ("ESRI Shapefile", "application/vnd.shp"),
    ".geojson": ("GeoJSON", "application/geo+json"),
    ".json": ("GeoJSON", "application/geo+json"),
    ".fgb": ("FlatGeobuf", "application/vnd.flatgeobuf"),
    ".parquet": ("Parquet", "application/vnd.apache.parquet"),
}


def media_type(path: Path) -> str:
    """Of an inventory, by its ending."""
    suffix = path.suffix.lower()
    return MEDIA[suffix] if suffix in MEDIA else DRIVERS[suffix][1]


def refuse_unknown_ending(path: Path) -> None:
    """Check that a vector output can be written by its ending.

    Raises:
        OutputError: it can't.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in DRIVERS and suffix not in WRITERS:
        known = ", ".join([*DRIVERS, *WRITERS])
        raise OutputError(f"{path}: no format is known by the ending {path.suffix!r}; use one of {known}")
    if suffix == ".parquet":
        need("pyarrow", extra="parquet", purpose=f"{path}: GeoParquet")


def fitting_crs(path: Path, crs: CRS | None, texts: Mapping[str, str]) -> pyproj.CRS | None:
    """The scene's CRS as vector formats are given it.

    Args:
        path: File to write, in the format of its ending.
        crs: CRS of the scene, or None.
        texts: Texts that every polygon carries.

    Raises:
        OutputError: the format has no words for the CRS, or no room for a text.
    """
    known = _in_old_words(path, crs) if crs else None
    refuse_unlocated(path, located=_is_located(crs))
    if known and path.suffix.lower() in (".geojson", ".json"):
        if known.is_engineering:
            return None  # its coordinates stay as they are, as those of a scene without a CRS do
        if not _is_located(crs):
            raise OutputError(
                f"{path.name}: GeoJSON holds longitude and latitude on the Earth, and {known.name!r} isn't; "
                "write a GeoPackage"
            )
    if path.suffix.lower() == ".shp":
        refuse_misfit(path, crs=known, texts=texts)
    return known


def _is_located(crs: CRS | None) -> bool:
    return Ground(Affine.identity(), crs).has_longitude


def _in_old_words(path: Path, crs: CRS) -> pyproj.CRS:
    known = pyproj.CRS.from_wkt(crs.to_wkt())
    try:
        # pyogrio passes what has no EPSG code in these.
        known.to_wkt("WKT1_GDAL")
    except CRSError as error:
        raise OutputError(
            f"{path.name}: polygons can't be written in the scene's CRS {known.name!r}; warp the scene first: "
            "gdalwarp -t_srs EPSG:4326 scene.tif warped.tif"
        ) from error
    return known


def convert(
    spool: Path, path: Path, *, fields: Sequence[str], kind: str, crs: pyproj.CRS | None, tags: dict[str, str]
) -> None:
    """Copy the layer ``landslides`` of a GeoPackage to a file of another format, in the order of ``id``.

    Args:
        spool: The GeoPackage.
        path: File to write, in the format of its ending.
        fields: Attributes to copy.
        kind: ``Polygon`` or ``MultiPolygon``.
        crs: Coordinate reference system of the polygons, or None.
        tags: Provenance, for formats that hold it.
    """
    suffix = path.suffix.lower()
    if suffix in WRITERS:
        located = crs is not None and _is_located(CRS.from_wkt(crs.to_wkt()))
        write_shared(spool, path, fields=fields, kind=kind, located=located)
        return
    short = SHORT_NAMES if suffix == ".shp" else {}
    renamed = ", ".join(f'"{name}" AS "{short.get(name, name)}"' for name in fields)
    sql = f"SELECT {renamed}, geom FROM landslides ORDER BY id"
    if suffix == ".parquet":
        write_geoparquet(spool, path, sql=sql, kind=kind, crs=crs, tags=tags)
        return
    options = {}
    if suffix == ".shp":
        options = {"ENCODING": "UTF-8"}
    elif DRIVERS[suffix][0] == "GeoJSON" and crs:
        # Longitude and latitude with seven digits, split at the antimeridian.
        options = {"RFC7946": "YES"}
    with pyogrio.open_arrow(spool, sql=sql, use_pyarrow=False) as (meta, stream):
        pyogrio.write_arrow(
            stream, path, driver=DRIVERS[suffix][0], geometry_name=meta["geometry_name"] or "geom",
            geometry_type=kind, crs=meta["crs"], **options,
        )  # fmt: skip
