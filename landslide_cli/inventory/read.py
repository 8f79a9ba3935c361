"""Reading an inventory back: its polygons, what was analysed, and how it was made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas
import numpy as np
import pandas as pd

from landslide_cli.errors import InventoryError
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.confidence import TAG, Confidence
from landslide_cli.inventory.edited import ours, up_to_date
from landslide_cli.scene.vectors import (
    LANDSLIDES,
    PARQUET,
    UnreadableError,
    geoparquet_tags,
    layers,
    read_layer,
    read_polygons,
)

PREFIX = "LANDSLIDE_"


@dataclass(frozen=True)
class Inventory:
    """An inventory that was read: its landslides, and all that the file tells of them.

    Attributes:
        landslides: Their polygons and attributes. Sizes of polygons that were drawn or reshaped since they were
            measured are those of the outlines, see `landslide_cli.inventory.edited.up_to_date`.
        analysed: Outlines of what was analysed; None if the file doesn't tell.
        footprints: Outlines of what each scene of a merged inventory analysed by itself; None if the file doesn't tell.
        run: How it was made, by the names of the layer ``runs``: ``version``, ``model``, ``threshold``, …; of several
            runs that of the scene which was asked for, or what all of them share.
        runs: The same of every run, one row for each; empty if the file holds no such layer.
    """

    landslides: geopandas.GeoDataFrame
    analysed: geopandas.GeoDataFrame | None
    footprints: geopandas.GeoDataFrame | None
    run: dict[str, str]
    runs: list[dict[str, str]]

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of its scenes, as far as it tells them."""
        told = [run.get("scene") for run in self.runs]
        if self.footprints is not None and "scene" in self.footprints:
            told += self.footprints["scene"].dropna().tolist()
        return tuple(dict.fromkeys(str(name) for name in told if name))

    @property
    def confidence(self) -> Confidence:
        """The classes of the model that found the landslides, as far as the file tells them."""
        return Confidence.told({TAG: self.run.get("confidence", "{}")})


@foreign_errors()
def read_inventory(path: str | Path) -> geopandas.GeoDataFrame:
    """Read the landslides of an inventory, or of any file with one layer of polygons.

    Args:
        path: What `landslide_cli.detect`, `landslide_cli.polygonize` or `landslide_cli.run_batch` has written.

    Returns:
        The landslides with their attributes, in the CRS of the file; sizes of polygons that were drawn or reshaped
        since are those of the outlines. ``attrs`` holds what the file tells of its making as texts, by the names of the
        layer ``runs``: ``version``, ``model``, ``threshold``, ``scene`` and more; of several runs what all share.

    Raises:
        InventoryError: it can't be read or holds no polygon layer.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    inventory = read_layers(Path(path))
    inventory.landslides.attrs |= inventory.run
    return inventory.landslides


def read_layers(path: Path, scene: str | None = None) -> Inventory:
    """Read all that an inventory holds.

    Args:
        path: The file.
        scene: Name of the scene, which chooses among several runs.

    Raises:
        InventoryError: it can't be read or holds no polygon layer.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    try:
        names = list(layers(path))
        landslides = read_polygons(path)
        looks = [read_layer(path, name) if name in names else None for name in ("analysed", "footprints")]
        rows = read_layer(path, "runs") if "runs" in names else pd.DataFrame()
    except (UnreadableError, IndexError) as error:
        raise InventoryError(
            f"{path} can't be read as an inventory: {error}; give what landslide detect -o wrote"
        ) from error
    if landslides.empty and not _meant_for_polygons(path):
        raise InventoryError(f"{path} holds no polygons; give what landslide detect -o wrote")
    run = {name.removeprefix(PREFIX).lower(): text for name, text in read_tags(path).items() if name.startswith(PREFIX)}
    told = [{str(name): _text(value) for name, value in row.dropna().items()} for _, row in rows.iterrows()]
    run |= _run_of(told, scene)
    landslides = _known(landslides)
    landslides = landslides.rename(columns={there: name for name, there in ours(landslides).items()})
    landslides = up_to_date(landslides, coarse=is_coarse(path))
    analysed, footprints = (None if layer is None else _known(layer) for layer in looks)
    return Inventory(landslides, analysed, footprints, run, told)


def _run_of(runs: list[dict[str, str]], scene: str | None) -> dict[str, str]:
    """What is told of a scene, which a merged inventory may name with its folder; else what all runs share."""
    if scene is not None:
        for names in ([run.get("scene", "") for run in runs], [_without_folders(run.get("scene", "")) for run in runs]):
            if names.count(scene) == 1:
                return runs[names.index(scene)]
    first = runs[0] if runs else {}
    return {name: text for name, text in first.items() if all(run.get(name) == text for run in runs)}


def _without_folders(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def is_coarse(path: Path) -> bool:
    """Whether a format's coordinates are rounded when they are written."""
    return path.suffix.lower() in (".geojson", ".json")


def _meant_for_polygons(path: Path) -> bool:
    """Whether a file without polygons is one of no landslides, and not one of points or lines."""
    kinds = layers(path)
    return LANDSLIDES in kinds or all("Polygon" in (kind or "") or kind == "Unknown" for kind in kinds.values())


def _known(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Without empty geometries, and without a CRS that says no more than that there is none."""
    frame = frame[~(frame.geometry.is_empty | frame.geometry.isna())].reset_index(drop=True)
    if frame.crs is not None and frame.crs.is_engineering:
        frame = frame.set_crs(None, allow_override=True)
    return frame


def read_tags(path: Path) -> dict[str, str]:
    """Metadata of a GeoPackage as GDAL writes it, or of GeoParquet."""
    if path.suffix.lower() == PARQUET:
        return geoparquet_tags(path)
    if path.suffix.lower() != ".gpkg":
        return {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
        try:
            texts = file.execute("SELECT metadata FROM gpkg_metadata WHERE mime_type = 'text/xml'").fetchall()
        except sqlite3.DatabaseError:
            return {}
    return {
        item.attrib["key"]: item.text or ""
        for (text,) in texts
        if text.startswith("<GDALMultiDomainMetadata")
        for item in ElementTree.fromstring(text).iter("MDI")
    }


def _text(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value.tz else f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:.10g}" if isinstance(value, float | np.floating) else str(value)
