"""Formats for other people's programs, made of a GeoPackage: CSV, KML and PMTiles. None is read back by landslide."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from landslide_cli.errors import OutputError

ROWS = 20_000  # landslides that are in memory at a time
# The finest level of tiles: its coordinates are finer than the pixels of nearly all scenes.
LEVEL = 15
KML_LAYER = "Outlines"
KML_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>{name}</name>
<Style id="landslide"><LabelStyle><scale>0.7</scale></LabelStyle><LineStyle><color>ff3c24ff</color><width>2</width>
</LineStyle><PolyStyle><color>333c24ff</color></PolyStyle></Style>
"""


def write_shared(spool: Path, path: Path, *, fields: Sequence[str], kind: str, located: bool) -> None:
    """Write the layer ``landslides`` of a GeoPackage in the format of a file's ending, one of `WRITERS`.

    Places are longitude and latitude with seven digits, cut at the antimeridian; CSV has the scene's own coordinates
    where nobody can tell them.

    Args:
        spool: The GeoPackage.
        path: File to write.
        fields: Attributes to write.
        kind: ``Polygon`` or ``MultiPolygon``.
        located: Whether longitude and latitude can be told.
    """
    columns = ", ".join(f'"{name}"' for name in fields)
    sql = f"SELECT {columns}, geom FROM landslides ORDER BY id"
    with _in_degrees(spool, path.parent, sql, kind, located=located) as source:
        WRITERS[path.suffix.lower()](source, path, fields)


@contextmanager
def _in_degrees(spool: Path, folder: Path, sql: str, kind: str, *, located: bool) -> Iterator[tuple[Path, str | None]]:
    """A file to read and what to read of it: GeoJSON after RFC 7946, but where there is nothing to move."""
    empty = pyogrio.read_info(spool, layer="landslides", force_feature_count=True)["features"] == 0
    if empty or not located:
        yield spool, sql
        return
    with TemporaryDirectory(dir=folder, prefix="degrees-") as place:
        between = Path(place) / "landslides.geojson"
        _copy((spool, sql), between, "GeoJSON", geometry_type=kind, RFC7946="YES")
        yield between, None


def _copy(source: tuple[Path, str | None], path: Path, driver: str, **options: Any) -> None:
    file, sql = source
    with pyogrio.open_arrow(file, sql=sql, use_pyarrow=False) as (meta, stream):
        name = meta["geometry_name"] or "wkb_geometry"
        options.setdefault("geometry_type", meta["geometry_type"])
        pyogrio.write_arrow(stream, path, driver=driver, geometry_name=name, crs=meta["crs"], **options)


def _write_csv(source: tuple[Path, str | None], path: Path, fields: Sequence[str]) -> None:
    """Comma-separated values: the outline as text (WKT) in the first column, then the attributes."""
    _copy(source, path, "CSV", GEOMETRY="AS_WKT", CREATE_CSVT="NO")


def _write_pmtiles(source: tuple[Path, str | None], path: Path, fields: Sequence[str]) -> None:
    """Vector tiles in one file, for maps on the web."""
    if source[1] is not None:  # nothing was found, and GDAL can't write that
        path.write_bytes(_no_tiles(fields))
        return
    _copy(source, path, "PMTiles", MINZOOM="0", MAXZOOM=str(LEVEL), NAME="landslides")


def _no_tiles(fields: Sequence[str]) -> bytes:
    """An archive without a tile (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md)."""
    layer = {"id": "landslides", "fields": dict.fromkeys(fields, "String")}
    root, told = (gzip.compress(text, mtime=0) for text in (b"\0", json.dumps({"vector_layers": [layer]}).encode()))
    begin = 127
    places = (begin, len(root), begin + len(root), len(told), 0, 0, begin + len(root) + len(told), 0, 0, 0, 0)
    world = (-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000)
    # Clustered, both compressed by gzip, vector tiles.
    header = struct.pack("<B11Q6B4iB2i", 3, *places, 1, 2, 2, 1, 0, LEVEL, *world, 0, 0, 0)
    return b"PMTiles" + header + root + told


def _write_kml(source: tuple[Path, str | None], path: Path, fields: Sequence[str]) -> None:
    """Outlines and centroids in a folder each, with attributes and colours, which GDAL's driver doesn't write."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(KML_HEAD.format(name=escape(path.stem)))
        for title, shape in ((KML_LAYER, _outline), ("Centroids", _centroid)):
            file.write(f"<Folder><name>{title}</name>\n")
            for frame in _frames(source):
                _write_placemarks(file, frame, fields, shape)
            file.write("</Folder>\n")
        file.write("</Document></kml>\n")


def _frames(source: tuple[Path, str | None]) -> Iterator[geopandas.GeoDataFrame]:
    file, sql = source
    first, count = 0, ROWS
    while count == ROWS:
        frame = pyogrio.read_dataframe(file, sql=sql, skip_features=first, max_features=ROWS)
        yield frame
        count = len(frame)
        first += ROWS


def _write_placemarks(
    file: IO[str], frame: geopandas.GeoDataFrame, fields: Sequence[str], shape: Callable[[Any, Any], str]
) -> None:
    for row, geometry in zip(frame.to_dict("records"), frame.geometry, strict=True):
        told = "".join(
            f"<Data name={quoteattr(name)}><value>{escape(_text(row[name]))}</value></Data>"
            for name in fields
            if name in row and not pd.isna(row[name])
        )
        file.write(
            f"<Placemark><name>{row['id']}</name><styleUrl>#landslide</styleUrl><ExtendedData>{told}</ExtendedData>"
            f"{shape(row, geometry)}</Placemark>\n"
        )


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _centroid(row: Any, geometry: Any) -> str:
    return f"<Point><coordinates>{row['lon']:.7f},{row['lat']:.7f}</coordinates></Point>"


def _outline(row: Any, geometry: Any) -> str:
    parts = "".join(
        f"<Polygon><outerBoundaryIs>{_ring(part.exterior)}</outerBoundaryIs>"
        + "".join(f"<innerBoundaryIs>{_ring(ring)}</innerBoundaryIs>" for ring in part.interiors)
        + "</Polygon>"
        for part in shapely.get_parts(geometry)
    )
    return f"<MultiGeometry>{parts}</MultiGeometry>"


def _ring(ring: Any) -> str:
    places = " ".join(f"{x:.7f},{y:.7f}" for x, y in shapely.get_coordinates(ring).tolist())
    return f"<LinearRing><coordinates>{places}</coordinates></LinearRing>"


WRITERS: dict[str, Callable[[tuple[Path, str | None], Path, Sequence[str]], None]] = {
    ".csv": _write_csv,
    ".kml": _write_kml,
    ".pmtiles": _write_pmtiles,
}
MEDIA = {".csv": "text/csv", ".kml": "application/vnd.google-earth.kml+xml", ".pmtiles": "application/vnd.pmtiles"}


def refuse_unlocated(path: Path, *, located: bool) -> None:
    """Check that a format of longitude and latitude alone can be written, and that GDAL has its driver.

    Raises:
        OutputError: it can't.
    """
    suffix = path.suffix.lower()
    if suffix in (".kml", ".pmtiles") and not located:
        raise OutputError(
            f"{path.name}: {suffix[1:].upper()} holds longitude and latitude, and the scene doesn't tell them; write a "
            "GeoPackage, or assign a CRS first (gdal_edit.py -a_srs)"
        )
    if suffix == ".pmtiles" and "w" not in pyogrio.list_drivers().get("PMTiles", ""):
        raise OutputError(f"{path.name}: this GDAL writes no PMTiles; write .geojson, and tiles of it with tippecanoe")
