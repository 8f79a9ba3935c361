"""The inventories of single scenes as people leave them.

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

from landslide_cli.errors import InventoryError
from landslide_cli.typing import Geometries

log = logging.getLogger(__name__)

ROWS = 50_000  # landslides that are in memory at a time
LANDSLIDES = "landslides"
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
# What pyogrio calls a number type, and the pandas type that also holds nothing.
NULLABLE: dict[str, Any] = {"int64": "Int64", "int32": "Int32", "int16": "Int16", "bool": "boolean"}

Fields = dict[str, str]


@dataclass(frozen=True)
class Part:
    """The inventory of one scene.

    Attributes:
        name: What the merged inventory calls the scene.
        path: The inventory, a GeoPackage.
    """

    name: str
    path: Path

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
                f"{self.path} can't be read: {' '.join(str(error).split())}; remove it, and the same command makes it "
                "anew"
            ) from error
        if LANDSLIDES not in found or found[LANDSLIDES]["geometry_type"] is None:
            raise InventoryError(
                f"{self.path} has no layer {LANDSLIDES!r} of polygons, only {', '.join(names) or 'nothing'}, so "
                f"it can't be merged; call its layer {LANDSLIDES!r}, or remove the file, and the same command makes it "
                "anew"
            )
        return found

    @property
    def crs(self) -> pyproj.CRS | None:
        """That of the landslides; what only says that there is none is none."""
        told = self._layers[LANDSLIDES]["crs"]
        crs = pyproj.CRS.from_user_input(told) if told else None
        return None if crs is None or crs.is_engineering else crs

    def has(self, layer: str) -> bool:
        """Whether a layer is there."""
        return layer in self._layers

    def fields(self, layer: str) -> Fields:
        """Types of the columns as pyogrio tells them; ``object`` for texts."""
        told = self._layers[layer]
        return dict(zip(map(str, told["fields"]), map(str, told["dtypes"]), strict=True))

    def is_single(self, layer: str) -> bool:
        """Whether a layer holds single polygons alone, mended ones included."""
        return self._layers[layer]["geometry_type"] == "Polygon" and all(
            (shapely.get_type_id(_polygonal(frame.geometry.to_numpy())) == POLYGONS[0]).all()
            for frame in self._frames(layer, columns=[])
        )

    def read(self, layer: str, fields: Fields) -> Iterator[geopandas.GeoDataFrame]:
        """The polygons of a layer in pieces, with these columns; at least one piece, which may be empty."""
        dropped = 0
        for frame in self._frames(layer):
            geometry = _polygonal(frame.geometry.to_numpy())
            kept = np.isin(shapely.get_type_id(geometry), POLYGONS) & ~shapely.is_empty(geometry)
            dropped += int((~kept).sum())
            table = fitted(frame[kept].drop(columns=frame.geometry.name), fields)
            yield geopandas.GeoDataFrame(table, geometry=geometry[kept], crs=frame.crs)
        if dropped:
            log.info("%s: %d of the layer %s without a polygon: left out", self.path, dropped, layer)

    def table(self, layer: str) -> pd.DataFrame:
        """A layer without geometry."""
        return pyogrio.read_dataframe(self.path, layer=layer, read_geometry=False)

    def _frames(self, layer: str, **options: Any) -> Iterator[geopandas.GeoDataFrame]:
        first, count = 0, ROWS
        while count == ROWS:
            frame = pyogrio.read_dataframe(self.path, layer=layer, skip_features=first, max_features=ROWS, **options)
            yield frame
            count = len(frame)
            first += ROWS


def common_fields(parts: Sequence[Part], layer: str) -> Fields:
    """All columns that a layer has in any of the parts, in the order in which they are met.

    SQL tells no case apart, so the first spelling counts. Types that differ become the one that holds both.
    """
    spelt: dict[str, str] = {}
    fields: Fields = {}
    for part in parts:
        for name, kind in part.fields(layer).items() if part.has(layer) else ():
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
        return texts.where(texts.isna(), texts.astype(str)).astype("str")
    plain: Any = kind
    return values.astype(NULLABLE[kind] if kind in NULLABLE and values.isna().any() else plain)


def _polygonal(geometry: Geometries) -> Geometries:
    """The polygons of geometries, valid and flat; what has none is left as it is."""
    flat: Geometries = shapely.force_2d(geometry)
    broken = ~shapely.is_valid(flat) & ~shapely.is_missing(flat)
    if broken.any():
        flat[broken] = [_areas(one) for one in shapely.make_valid(flat[broken])]
    return flat


def _areas(shape: Any) -> Any:
    parts = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
