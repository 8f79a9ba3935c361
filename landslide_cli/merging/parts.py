"""The inventories that are merged, as people leave them.

Whoever edits one may add columns, delete some, draw polygons of any kind, and leave the file open in QGIS.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from landslide_cli.errors import InventoryError, shown
from landslide_cli.typing import Geometries, Int64

log = logging.getLogger(__name__)

ROWS = 50_000  # landslides that are in memory at a time
LANDSLIDES, ANALYSED, FOOTPRINTS, RUNS = "landslides", "analysed", "footprints", "runs"
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
# What pyogrio calls a number type, and the pandas type that also holds nothing.
NULLABLE: dict[str, Any] = {"int64": "Int64", "int32": "Int32", "int16": "Int16", "bool": "boolean"}

Fields = dict[str, str]


@dataclass(frozen=True)
class Part:
    """An inventory that is merged, of one scene or itself a merged one.

    Attributes:
        path: The inventory, a GeoPackage.
        name: What the merged inventory calls its one scene; by default what the inventory calls its scenes.
    """

    path: Path
    name: str | None = None

    @cached_property
    def _layers(self) -> dict[str, dict[str, Any]]:
        """Facts of each layer.

        Raises:
            InventoryError: it can't be read, or has no layer of landslides.
        """
        try:
            names = [str(name) for name, _ in pyogrio.list_layers(self.path)]
            found = {name: pyogrio.read_info(self.path, layer=name) for name in names}
        except (DataSourceError, DataLayerError) as error:
            raise InventoryError(
                f"{self.path} can't be read: {' '.join(str(error).split())}; leave it out, or make it anew with the "
                "command that wrote it"
            ) from error
        if LANDSLIDES not in found or found[LANDSLIDES]["geometry_type"] is None:
            raise InventoryError(
                f"{self.path} has no layer {LANDSLIDES!r} of polygons, only {', '.join(names) or 'nothing'}, so "
                f"it can't be merged; call its layer {LANDSLIDES!r}, or make it anew with the command that wrote it"
            )
        return found

    @property
    def crs(self) -> pyproj.CRS | None:
        """That of the landslides; what only says that there is none is none."""
        told = self._layers[LANDSLIDES]["crs"]
        crs = pyproj.CRS.from_user_input(told) if told else None
        return None if crs is None or crs.is_engineering else crs

    @property
    def tags(self) -> dict[str, str]:
        """Provenance of the file."""
        told = self._layers[LANDSLIDES].get("dataset_metadata") or {}
        return {str(name): str(text) for name, text in told.items() if str(name).startswith("LANDSLIDE_")}

    @property
    def looked(self) -> str | None:
        """The layer that tells where each scene looked; None if the file doesn't tell."""
        return next((layer for layer in (FOOTPRINTS, ANALYSED) if layer in self._layers), None)

    @cached_property
    def scenes(self) -> list[str]:
        """What the part calls its scenes; of one without a name, the name of the file."""
        found: dict[str, None] = {}
        for layer in (self.looked, LANDSLIDES):
            if layer is not None and "scene" in self.fields(layer):
                told = pyogrio.read_dataframe(self.path, layer=layer, columns=["scene"], read_geometry=False)["scene"]
                found |= dict.fromkeys(name for name in told if isinstance(name, str) and name)
        return [self.name] if self.name else list(found) or [self.path.name]

    def scene_of(self, table: pd.DataFrame) -> list[str]:
        """The scene of each row; what has none, since it was drawn, belongs to the only one, or to that of the file."""
        if self.name or len(self.scenes) == 1:
            return self.scenes * len(table)
        told = table["scene"] if "scene" in table else [None] * len(table)
        return [name if isinstance(name, str) and name else self.path.name for name in told]

    def has(self, layer: str) -> bool:
        """Whether a layer is there."""
        return layer in self._layers

    def count(self, layer: str) -> int:
        """Number of rows, with or without geometry."""
        return int(self._layers[layer]["features"])

    def fields(self, layer: str) -> Fields:
        """Types of the columns as pyogrio tells them; ``object`` for texts."""
        told = self._layers[layer]
        return dict(zip(map(str, told["fields"]), map(str, told["dtypes"]), strict=True))

    def read(self, layer: str) -> Iterator[geopandas.GeoDataFrame]:
        """The polygons of a layer in pieces, flat and valid, by their ``fid``; at least one piece, which may be empty.

        What is no polygon is left out and told.
        """
        dropped, first, count = 0, 0, ROWS
        while count == ROWS:
            frame = pyogrio.read_dataframe(
                self.path, layer=layer, skip_features=first, max_features=ROWS, fid_as_index=True
            )
            count, first = len(frame), first + ROWS
            geometry = polygonal(frame.geometry.to_numpy())
            kept = np.isin(shapely.get_type_id(geometry), POLYGONS) & ~shapely.is_empty(geometry)
            dropped += int((~kept).sum())
            table = frame[kept].drop(columns=frame.geometry.name)
            yield geopandas.GeoDataFrame(table, geometry=geometry[kept], crs=frame.crs)
        if dropped:
            log.info("%s: %d of the layer %s without a polygon: left out", shown(str(self.path)), dropped, layer)

    def table(self, layer: str) -> pd.DataFrame:
        """A layer without geometry."""
        return pyogrio.read_dataframe(self.path, layer=layer, read_geometry=False)

    def attributes(self, piece: int, fids: Int64) -> pd.DataFrame:
        """The attributes of landslides of one piece, in the order of their ``fid``, shape ``(n,)``.

        Raises:
            InventoryError: they are gone, since somebody has edited the file in the meantime.
        """
        frame = pyogrio.read_dataframe(
            self.path, layer=LANDSLIDES, read_geometry=False, skip_features=piece * ROWS, max_features=ROWS,
            fid_as_index=True,
        )  # fmt: skip
        if not frame.index.isin(fids).sum() == len(fids):
            raise InventoryError(f"{self.path} was changed while it was merged; start the same command again")
        return frame.loc[fids]


def common_fields(parts: Sequence[Part], layer: str | None) -> Fields:
    """All columns that a layer has in any of the parts, in the order in which they are met.

    SQL tells no case apart, so the first spelling counts. Types that differ become the one that holds both.

    Args:
        parts: The inventories.
        layer: Name of the layer; None for the one that tells where scenes looked.
    """
    spelt: dict[str, str] = {}
    fields: Fields = {}
    for part in parts:
        name_of_layer = layer or part.looked
        if name_of_layer is None or not part.has(name_of_layer):
            continue
        for name, kind in part.fields(name_of_layer).items():
            name = spelt.setdefault(name.casefold(), name)
            fields[name] = _wider(fields.get(name, kind), kind)
    return fields


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    numbers = [np.dtype(kind) for kind in (one, other) if kind in NULLABLE or kind.startswith("float")]
    if len(numbers) < 2 or "bool" in (one, other):
        return "object"
    return "int64" if all(number.kind == "i" for number in numbers) else "float64"


def fitted(table: pd.DataFrame, fields: Fields) -> pd.DataFrame:
    """A table with these columns, empty where it has none of the name, each of its type."""
    there = {name.casefold(): name for name in table.columns}
    columns = {}
    for name, kind in fields.items():
        found = there.get(name.casefold())
        values = pd.Series([None] * len(table), index=table.index, dtype=object) if found is None else table[found]
        columns[name] = _as(values, kind)
    return pd.DataFrame(columns, index=table.index).reset_index(drop=True)


def _as(values: pd.Series, kind: str) -> pd.Series:
    if kind == "object":
        texts = values.astype("object")
        return texts.where(texts.isna(), texts.astype(str)).astype("string")
    plain: Any = kind
    return values.astype(NULLABLE[kind] if kind in NULLABLE and values.isna().any() else plain)


def polygonal(geometry: Geometries) -> Geometries:
    """The polygons of geometries, valid and flat; what has none is left as it is."""
    flat: Geometries = shapely.force_2d(geometry)
    broken = ~shapely.is_valid(flat) & ~shapely.is_missing(flat)
    if broken.any():
        flat[broken] = [_areas(one) for one in shapely.make_valid(flat[broken])]
    return flat


def _areas(shape: Any) -> Any:
    parts = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
