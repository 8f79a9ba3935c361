"""All rows of an inventory of any format, with those that nobody sees, and the way back into a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from landslide_cli._version import __version__
from landslide_cli.errors import InventoryError
from landslide_cli.files.geopackage import MARK
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.edited import ours
from landslide_cli.inventory.filling import TEXTS, Filled
from landslide_cli.inventory.formats import convert, fitting_crs
from landslide_cli.inventory.geopackage import (
    add_rows,
    append,
    copied,
    set_columns,
    store_styles,
    without_traces,
    write_style,
)
from landslide_cli.inventory.read import is_coarse, read_tags
from landslide_cli.scene.placing import ground_in
from landslide_cli.scene.vectors import LANDSLIDES, UnreadableError, layers, polygonal, read_layer

GPKG = ".gpkg"
WHOLE = ("id", "pixels")
# What a column is where it is made.
KINDS = {"id": "INTEGER", "pixels": "INTEGER", "cut": "BOOLEAN", **dict.fromkeys(TEXTS, "TEXT")}


@dataclass(frozen=True)
class Rows:
    """The rows of the layer of polygons of a file.

    Attributes:
        path: The file.
        layer: Name of the layer.
        frame: All rows by their numbers; those of a GeoPackage are its ``fid``. Our columns have our names.
        tags: How the file was made.
        spelt: What the file calls our columns, where it has them.
        whole: Whether all of the file was copied, so that only what is new is to be written.
    """

    path: Path
    layer: str
    frame: geopandas.GeoDataFrame
    tags: dict[str, str]
    spelt: dict[str, str]
    whole: bool

    @property
    def coarse(self) -> bool:
        """Whether coordinates were rounded when they were written."""
        return is_coarse(self.path)

    @property
    def scene(self) -> str | None:
        """The scene of all rows that tell one, if it is the same."""
        told = self.frame["scene"].dropna().unique() if "scene" in self.frame else []
        return str(told[0]) if len(told) == 1 else None


def read_rows(path: Path, place: Path, *, here: bool) -> Rows:
    """Read the rows of an inventory, or of any layer of polygons, with those that have no polygon.

    A GeoPackage that is to be written as one is copied as a whole, with what other programs have written into its log.

    Args:
        path: The file.
        place: Where the result is to be written, and where a copy goes.
        here: Whether the file itself is to be replaced; else a layer that isn't called ``landslides`` is taken out.

    Raises:
        InventoryError: it can't be read, holds no layer of polygons, or several and none called ``landslides``.
    """
    geopackage = path.suffix.lower() == GPKG
    try:
        layer, tags = _layer(path), read_tags(path)
        whole = geopackage and place.suffix.lower() == GPKG and (here or layer == LANDSLIDES)
        read = place if whole else path
        if whole:
            copied(path, place)
            if not here and MARK not in tags:
                # Else a second run, with --overwrite, would take its own result for the work of others.
                add_rows(place, layer, {}, np.array([]), kind="Polygon", dataset_metadata={MARK: __version__})
        if geopackage:
            with without_traces():
                frame = pyogrio.read_dataframe(read, layer=layer, fid_as_index=True)
            with closing(sqlite3.connect(f"{read.absolute().as_uri()}?mode=ro", uri=True)) as file:
                if _key(file, layer).casefold() == "id":
                    frame["id"] = frame.index  # row numbers serve as such
        else:
            frame = read_layer(path, layer)
    except (UnreadableError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InventoryError(
            f"{path} can't be read as an inventory: {' '.join(str(error).split())}; give a file with polygons"
        ) from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise InventoryError(f"{path} holds no polygons; give an inventory, or any file with polygons")
    if frame.crs is not None and frame.crs.is_engineering and frame.crs.name.startswith("Undefined"):
        frame = frame.set_crs(None, allow_override=True)
    spelt = ours(frame)
    frame = frame.rename(columns={there: name for name, there in spelt.items()})
    return Rows(path, layer, frame, tags, spelt, whole)


def _layer(path: Path) -> str:
    """The layer of polygons.

    Raises:
        InventoryError: there is none, or there are several and none is called ``landslides``.
        UnreadableError: the file can't be read.
    """
    there = layers(path)
    if LANDSLIDES in there:
        return LANDSLIDES
    polygons = [name for name, kind in there.items() if kind and ("Polygon" in kind or "Surface" in kind)]
    # A KML doesn't tell what its folders hold, and any layer may hold anything.
    unknown = [name for name, kind in there.items() if kind == "Unknown"]
    polygons += unknown if len(there) == 1 else [name for name in unknown if len(polygonal(read_layer(path, name)))]
    if len(polygons) != 1:
        found = f"several layers of polygons ({', '.join(polygons)})" if polygons else "no layer of polygons"
        raise InventoryError(f"{path} holds {found}; call the one to measure {LANDSLIDES!r}")
    return polygons[0]


def write_rows(rows: Rows, found: Filled, place: Path, *, styled: bool) -> None:
    """Write the rows with their attributes in the format of a place's ending.

    Args:
        rows: As they were read.
        found: Their attributes.
        place: See `read_rows`.
        styled: Whether a style is written beside formats that can't carry one.
    """
    confidence = Confidence.told(rows.tags)
    if rows.whole:
        _update(rows, found, place)
        store_styles(place, confidence, {rows.layer: LANDSLIDES, "analysed": "analysed"}, replace=False)
        return
    there = found.edited.there
    table = pd.DataFrame({name: _typed(found.table[name]) for name in map(str, found.table)})
    others = [name for name in rows.frame.columns if name not in table and name != rows.frame.geometry.name]
    outlines = found.edited.outlines
    kind = "MultiPolygon" if (shapely.get_type_id(outlines[there]) == 6).any() else "Polygon"
    crs = fitting_crs(place, ground_in(rows.frame.crs).crs, {})
    full = geopandas.GeoDataFrame(
        pd.concat([table, rows.frame[others]], axis=1)[there], geometry=outlines[there], crs=crs
    )
    spool = place if place.suffix.lower() == GPKG else place.with_name("spool.gpkg")
    append(spool, LANDSLIDES, full, kind=kind, mode="w", dataset_metadata={MARK: __version__} | rows.tags)
    if spool == place:
        store_styles(place, confidence)
        return
    fields = [*table.columns, *others]
    convert(spool, place, fields=fields, kind=kind, crs=crs, tags=rows.tags)
    spool.unlink()
    if styled:
        write_style(place, LANDSLIDES, confidence)


def _update(rows: Rows, found: Filled, place: Path) -> None:
    """Write what is new into a copy of the GeoPackage; nothing else of it is touched, outlines neither."""
    with closing(sqlite3.connect(place)) as file, file:
        key = _key(file, rows.layer)
        changed: dict[str, list[tuple[Any, int]]] = {}
        for name in map(str, found.table):
            if name == key.casefold():
                continue  # numbers of rows serve as such
            now = _typed(found.table[name])
            if name in rows.frame:
                # What we can't read in a row that wasn't changed stays as it stands there.
                touched = found.edited.changed | found.edited.emptied
                differs = ~_same(now, rows.frame[name]) & (now.notna() | touched)
            else:
                file.execute(f'ALTER TABLE "{rows.layer}" ADD COLUMN "{name}" {KINDS.get(name, "REAL")}')
                differs = now.notna()
            values = now[differs].astype("object")
            pairs = zip(values.where(values.notna(), None).tolist(), values.index.tolist(), strict=True)
            changed[rows.spelt.get(name, name)] = list(pairs)
        set_columns(file, rows.layer, changed, key=key)


def _key(file: sqlite3.Connection, layer: str) -> str:
    """The column of row numbers."""
    return next(str(name) for _, name, *_, primary in file.execute(f'PRAGMA table_info("{layer}")') if primary)


def _same(now: pd.Series, before: pd.Series) -> pd.Series:
    nothing = now.isna() & before.isna()
    return nothing | (now.astype("object") == before.astype("object")).fillna(False)


def _typed(values: pd.Series) -> pd.Series:
    """A column of numbers, with NaN for null, as it is stored."""
    if values.name in WHOLE:
        return values.astype("Int64")
    if values.name == "cut":
        return values.astype("boolean")
    return values.astype("string") if values.name in TEXTS else values.astype(np.float64)
