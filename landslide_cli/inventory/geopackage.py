"""Layers of a GeoPackage, written bit by bit, and how QGIS shows them.

Styles lie inside of a GeoPackage, and as ``.qml`` beside files that can't carry one.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely

from landslide_cli.errors import InventoryError
from landslide_cli.inventory.attributes import Columns
from landslide_cli.inventory.confidence import DEFAULT, Confidence
from landslide_cli.inventory.lyrx import layer_file
from landslide_cli.inventory.styling import read_style
from landslide_cli.typing import Geometries

# 1.2 is read by every QGIS and ArcGIS in use.
VERSION = "1.2"
LAYERS = {
    "landslides": "By confidence, for use over imagery, with a form for the review",
    "analysed": "Outline of what was looked at",
    "footprints": "Outline of what each scene looked at",
    "changes": "By what became of each landslide",
    "points": "Landslides that an inventory knows as points",
}
UNSTYLED = (".gpkg", ".csv", ".kml", ".pmtiles")
# The style of landslides that are told from those that were there before.
NEW = "landslides_new"
# A time zone as GDAL counts it, in quarters of an hour: https://gdal.org/en/stable/development/rfc/rfc56_millisecond_precision.html
IN_UTC = 100
COLUMNS = "SELECT * FROM pragma_table_info(?)"


def append(
    path: Path, layer: str, frame: geopandas.GeoDataFrame, *, kind: str, mode: str = "a", **options: Any
) -> None:
    """Append polygons to a layer.

    Args:
        path: The GeoPackage.
        layer: Name of the layer, which is made if it isn't there.
        frame: The polygons, with the same columns each time.
        kind: ``Polygon`` or ``MultiPolygon``.
        mode: ``w`` to begin a new file.
        options: For the driver.
    """
    if mode == "w":
        options["VERSION"] = VERSION
    with unsynced(), _crs_may_be_missing():
        frame.to_file(
            path, layer=layer, driver="GPKG", engine="pyogrio", mode=mode,
            geometry_type=kind, promote_to_multi=kind == "MultiPolygon", **options,
        )  # fmt: skip


def add_rows(
    path: Path,
    layer: str,
    columns: Columns,
    polygons: Geometries | None = None,
    *,
    crs: str | None = None,
    kind: str | None = None,
    anew: bool = False,
    **options: Any,
) -> None:
    """Add rows to a layer; file and layer are made if they aren't there.

    Without pandas, which takes longer for a few rows than all else.

    Args:
        path: The GeoPackage.
        layer: Name of the layer.
        columns: Each of shape ``(n,)``, the same ones each time. NaN, None and what a masked array hides become null;
            times are in UTC.
        polygons: ``(n,)``; none of a table without geometry.
        crs: What `told_crs` says.
        kind: ``Polygon`` or ``MultiPolygon``.
        anew: Make the layer anew if it is there.
        options: For the driver.
    """
    is_new = not path.exists()
    times = [name for name, values in columns.items() if values.dtype.kind == "M"]
    with unsynced(), _crs_may_be_missing():
        pyogrio.raw.write(
            path,
            None if polygons is None else shapely.to_wkb(polygons),
            [np.ma.getdata(values) for values in columns.values()],
            list(columns),
            [np.ma.getmaskarray(values) if np.ma.isMA(values) else None for values in columns.values()],
            layer=layer, driver="GPKG", geometry_type=kind, crs=crs, promote_to_multi=kind == "MultiPolygon",
            append=not (is_new or anew), gdal_tz_offsets={name: np.full(len(columns[name]), IN_UTC) for name in times},
            **({"VERSION": VERSION} if is_new else {}), **options,
        )  # fmt: skip


def told_crs(crs: pyproj.CRS | None) -> str | None:
    """A CRS as `add_rows` is given it, as geopandas does: its EPSG code, or else WKT 1."""
    if crs is None:
        return None
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt("WKT1_GDAL")


def set_column(file: sqlite3.Connection, layer: str, column: str, values: Sequence[tuple[Any, int]]) -> None:
    """Set a column of a layer.

    Args:
        file: The GeoPackage.
        layer: Name of the layer.
        column: Name of the column, which must not be the geometry.
        values: Value and ``fid`` of each row to change.
    """
    set_columns(file, layer, {column: values})


def set_columns(
    file: sqlite3.Connection, layer: str, columns: Mapping[str, Sequence[tuple[Any, int]]], *, key: str = "fid"
) -> None:
    """Set several columns of a layer.

    Args:
        file: The GeoPackage.
        layer: Name of the layer.
        columns: For each column, which must not be the geometry, value and ``fid`` of each row to change.
        key: Name of the column of row numbers, ``fid`` in all that GDAL has named.
    """
    file.execute("PRAGMA synchronous = OFF")
    # Triggers that follow geometries call functions which GDAL alone has, so they step aside.
    triggers = file.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (layer,)
    ).fetchall()
    for name, _ in triggers:
        file.execute(f'DROP TRIGGER "{name}"')
    for column, values in columns.items():
        file.executemany(f'UPDATE "{layer}" SET "{column}" = ? WHERE "{key}" = ?', values)
    for _, sql in triggers:
        file.execute(sql)


def copied(path: Path, place: Path) -> None:
    """Copy a GeoPackage with what other programs that have it open have written so far.

    Raises:
        InventoryError: it is none, or what is in its log can't be read.
    """
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as src,
            closing(sqlite3.connect(place)) as dst,
        ):
            src.backup(dst)
            # A copy of a file with a log is said to have one as well.
            dst.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        raise InventoryError(
            f"{path} can't be read as a GeoPackage: {error}; if another program such as QGIS has it open, save and "
            "close it there"
        ) from error


@contextmanager
def without_traces() -> Iterator[None]:
    """Keep GDAL from leaving an ``.aux.xml`` beside a GeoPackage that it reads."""
    with _configured("GDAL_PAM_ENABLED", value=False):
        yield


@contextmanager
def unsynced() -> Iterator[None]:
    """Let GDAL not wait for the disk at each change of a file that is brought there as a whole at its end."""
    with _configured("OGR_SQLITE_SYNCHRONOUS", value="OFF"):
        yield


@contextmanager
def _crs_may_be_missing() -> Iterator[None]:
    """Nothing more is said of a missing CRS: it was told about when the scene was opened."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        yield


@contextmanager
def _configured(option: str, *, value: str | bool) -> Iterator[None]:
    before = pyogrio.get_gdal_config_option(option)
    pyogrio.set_gdal_config_options({option: value})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({option: before})


def style_beside(path: Path) -> Path | None:
    """Where the style of an output lies: the name under which QGIS looks for it.

    None if it is inside the file, or the file is for other programs.
    """
    return None if path.suffix.lower() in UNSTYLED else path.with_suffix(".qml")


def styles_beside(path: Path) -> list[Path]:
    """All files that tell programs how to show an output: for a shapefile that of ArcGIS as well."""
    style = style_beside(path)
    return [*([style] if style else []), *([path.with_suffix(".lyrx")] if path.suffix.lower() == ".shp" else [])]


def write_style(path: Path, name: str, confidence: Confidence = DEFAULT) -> None:
    """Write a style beside an output.

    Args:
        path: The output, no GeoPackage.
        name: ``landslides``, ``landslides_new``, ``analysed``, ``probability``, ``mask`` or ``spread``.
        confidence: The classes of the landslides.
    """
    style = read_style(name, confidence, shapefile=path.suffix.lower() == ".shp")
    path.with_suffix(".qml").write_text(style, encoding="utf-8")
    if path.suffix.lower() == ".shp":
        path.with_suffix(".lyrx").write_text(layer_file(path, read_style("landslides", confidence)), encoding="utf-8")


def store_styles(
    path: Path,
    confidence: Confidence = DEFAULT,
    styles: Mapping[str, str] | None = None,
    *,
    replace: bool = True,
) -> None:
    """Give the layers of a finished GeoPackage their default styles.

    Where landslides are told from those that were there before, that is the default, and the other style is there to
    be chosen.
    They go into the table ``layer_styles``, whose columns are those that QGIS makes
    (https://docs.qgis.org/3.22/en/docs/user_manual/managing_data_source/supported_data.html#geopackage).

    Args:
        path: The GeoPackage.
        confidence: The classes of its landslides, which the legend tells.
        styles: Name of the style of each layer; those that aren't there are passed over. By default that of its name.
        replace: Write the table anew; else one that is there stays as it is.
    """
    # Not through GDAL, which leaves an .aux.xml behind where it reads metadata.
    with closing(sqlite3.connect(path)) as file:
        geometry = dict(file.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
        if not replace and file.execute("SELECT 1 FROM sqlite_master WHERE name = 'layer_styles'").fetchone():
            return
        told = [layer for layer in geometry if any(name == "new" for _, name, *_ in file.execute(COLUMNS, (layer,)))]
    given = {layer: name for layer, name in (styles or {name: name for name in LAYERS}).items() if layer in geometry}
    rows = [(layer, layer, name, not (name == "landslides" and layer in told)) for layer, name in given.items()]
    rows += [(layer, NEW, NEW, True) for layer, _, _, is_default in rows if not is_default]
    layers, names, styled, defaults = zip(*rows, strict=True)
    columns = {
        "f_table_catalog": [""] * len(rows),
        "f_table_schema": [""] * len(rows),
        "f_table_name": layers,
        "f_geometry_column": [geometry[layer] for layer in layers],
        "styleName": names,
        "styleQML": [read_style(name, confidence) for name in styled],
        "styleSLD": [""] * len(rows),
        "useAsDefault": defaults,
        "description": [{**LAYERS, NEW: "New landslides, and those that were there before"}[name] for name in styled],
        "owner": [""] * len(rows),
        "ui": [None] * len(rows),
    }
    table = {name: np.array(values, bool if name == "useAsDefault" else object) for name, values in columns.items()}
    table["update_time"] = np.full(len(rows), datetime.now(UTC).replace(tzinfo=None), "datetime64[ms]")
    add_rows(path, "layer_styles", table, anew=True, FID="id")
