"""How outputs look in QGIS: styles inside a GeoPackage, and a ``.qml`` beside files that can't carry one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pandas as pd
import pyogrio

LAYERS = {
    "landslides": "Graduated by mean probability, for use over imagery",
    "analysed": "Outline of what was looked at",
}


def style_beside(path: Path) -> Path | None:
    """Where the style of an output lies: the name under which QGIS looks for it; None if it is inside the file."""
    return None if path.suffix.lower() == ".gpkg" else path.with_suffix(".qml")


def write_style(path: Path, name: str) -> None:
    """Write a style beside an output.

    Args:
        path: The output, no GeoPackage.
        name: ``landslides``, ``analysed``, ``probability``, ``mask`` or ``spread``.
    """
    path.with_suffix(".qml").write_text(read_style(name), encoding="utf-8")


def read_style(name: str) -> str:
    """A style as QGIS writes and reads it (QML)."""
    return (resources.files("landslide_cli.inventory") / "styles" / f"{name}.qml").read_text(encoding="utf-8")


def store_styles(path: Path) -> None:
    """Give the layers of a finished GeoPackage their default styles.

    They go into the table ``layer_styles``, whose columns are those that QGIS makes
    (https://docs.qgis.org/3.22/en/docs/user_manual/managing_data_source/supported_data.html#geopackage).
    """
    # Not through GDAL, which leaves an .aux.xml behind where it reads metadata.
    with closing(sqlite3.connect(path)) as file:
        geometry = dict(file.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
    table = pd.DataFrame(
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": list(LAYERS),
            "f_geometry_column": [geometry[name] for name in LAYERS],
            "styleName": list(LAYERS),
            "styleQML": [read_style(name) for name in LAYERS],
            "styleSLD": "",
            "useAsDefault": True,
            "description": list(LAYERS.values()),
            "owner": "",
            "ui": None,
            "update_time": pd.Timestamp.now("UTC").floor("ms"),
        }
    )
    pyogrio.write_dataframe(table, path, layer="layer_styles", driver="GPKG", append=False, layer_options={"FID": "id"})
