"""Layers of a GeoPackage, written bit by bit."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas
import pyogrio

# 1.2 is read by every QGIS and ArcGIS in use.
VERSION = "1.2"


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
    with warnings.catch_warnings():
        # The missing CRS was told about when the scene was opened.
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        frame.to_file(
            path, layer=layer, driver="GPKG", engine="pyogrio", mode=mode,
            geometry_type=kind, promote_to_multi=kind == "MultiPolygon", **options,
        )  # fmt: skip


def set_column(file: sqlite3.Connection, layer: str, column: str, values: Sequence[tuple[Any, int]]) -> None:
    """Set a column of a layer.

    Args:
        file: The GeoPackage.
        layer: Name of the layer.
        column: Name of the column, which must not be the geometry.
        values: Value and ``fid`` of each row to change.
    """
    # Triggers that follow geometries call functions which GDAL alone has, so they step aside.
    triggers = file.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (layer,)
    ).fetchall()
    for name, _ in triggers:
        file.execute(f'DROP TRIGGER "{name}"')
    file.executemany(f'UPDATE "{layer}" SET "{column}" = ? WHERE fid = ?', values)
    for _, sql in triggers:
        file.execute(sql)


@contextmanager
def without_traces() -> Iterator[None]:
    """Keep GDAL from leaving an ``.aux.xml`` beside a GeoPackage that it reads."""
    option = "GDAL_PAM_ENABLED"
    before = pyogrio.get_gdal_config_option(option)
    pyogrio.set_gdal_config_options({option: False})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({option: before})
