"""The layers of a merged inventory, written piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from affine import Affine
from pandas.api.types import is_integer_dtype, is_numeric_dtype

from landslide_cli.inventory.attributes import PIXEL_FIELDS, Columns, outlined, rounded
from landslide_cli.inventory.geopackage import append, unsynced
from landslide_cli.inventory.slope import FIELDS as TERRAIN
from landslide_cli.merging.parts import ANALYSED, FOOTPRINTS, LANDSLIDES, ROWS, RUNS, Part, common_fields, fitted
from landslide_cli.merging.records import Records, outlines_of
from landslide_cli.merging.scenes import Scenes
from landslide_cli.merging.stock import MEASURES, SEPARATOR, Stock
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Float64, Geometries, Indices, OnNote

# Percentiles and directions of halves don't tell those of the whole.
UNTOLD = ("prob_median", "prob_p90", "aspect_deg")
# What was told of the pixels and the ground of an outline that is another one now.
OF_PIXELS = (*(PIXEL_FIELDS.keys() - {"cut"}), *TERRAIN, "h_over_l", "h_l_angle_deg")
NEW = {"scenes": "object", "seen": "int32", "analysed_by": "int32", "overlaps": "int32"}


class LandslideLayer:
    """Writes the landslides of a merged inventory.

    Args:
        place: The GeoPackage, which is begun.
        stock: The landslides of all parts.
        records: What becomes of them.
        scenes: Their scenes.
        crs: Coordinate system of the outlines.
        tags: Provenance.
    """

    def __init__(
        self, place: Path, stock: Stock, records: Records, scenes: Scenes, crs: pyproj.CRS | None,
        tags: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._place, self._stock, self._records, self._scenes, self._crs = place, stock, records, scenes, crs
        self._ground = Ground(Affine.identity(), crs)
        several = stock.several or any(part.geom_type != "Polygon" for part in records.outlines.values())
        self._kind = "MultiPolygon" if several else "Polygon"
        self._begin: dict[str, Any] = {"mode": "w", "dataset_metadata": dict(tags)}
        self._pending: list[geopandas.GeoDataFrame] = []
        self._keeps = len(records.rows) > len(records.groups.leads)

    def write(self, parts: Sequence[Part], on_note: OnNote | None = None) -> None:
        """Write all records in the order of the parts.

        Raises:
            InventoryError: a part was changed since it was read.
        """
        fields = {"id": "int64"} | common_fields(parts, LANDSLIDES)
        fields = {name: kind for name, kind in fields.items() if name not in (*NEW, "id_in_scene", "same_as")}
        fields |= {"scene": "object"}
        if not len(self._records.rows):
            self._add(self._table(fitted(pd.DataFrame(index=[]), fields), slice(0, 0), pd.Series([], dtype="Int64")))
        for part, piece, rows in self._stock.pieces():
            first, end = np.searchsorted(self._records.rows, [rows.start, rows.stop]).tolist()
            if first == end:
                continue
            fids = self._stock.rows["fid"][self._records.rows[first:end]]
            told = parts[part].attributes(piece, fids)
            before = told["id_in_scene" if "id_in_scene" in told else "id"] if "id" in told else None
            before = pd.Series(pd.NA, index=told.index) if before is None else before
            numbers = pd.to_numeric(before.reset_index(drop=True), errors="coerce").astype("Int64")
            self._add(self._table(fitted(told, fields), slice(first, end), numbers))
            if on_note:
                on_note(end, len(self._records.rows), f"wrote {end:,} of {len(self._records.rows):,} landslides")
        self._flush()

    def _add(self, frame: geopandas.GeoDataFrame) -> None:
        """Opening the file for each of thousands of scenes would take longer than writing to it."""
        self._pending.append(frame)
        if sum(map(len, self._pending)) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            frame = pd.concat(self._pending, ignore_index=True) if len(self._pending) > 1 else self._pending[0]
            append(self._place, LANDSLIDES, frame, kind=self._kind, **self._begin)
            self._begin, self._pending = {"mode": "a"}, []

    def _table(self, table: pd.DataFrame, places: slice, before: pd.Series) -> geopandas.GeoDataFrame:
        """Rows as they are written: what their parts tell, and what only all of them together can."""
        records, names = self._records, self._scenes.names
        rows, seen = records.rows[places], records.scenes[places]
        outlines = outlines_of(self._stock, records, rows)
        table["id"] = np.arange(places.start + 1, places.stop + 1, dtype=np.int64)
        table.insert(1, "id_in_scene", before)
        table["scene"] = pd.Series([names[number] for number in self._stock.rows["scene"][rows]], dtype="str")
        self._measure(table, rows, outlines)
        _set(table, "nearest_m", np.arange(len(rows)), np.round(records.nearest_m[places], 2))
        if "cut" in table:
            table["cut"] = records.cut[places]
        table["scenes"] = pd.Series([SEPARATOR.join(names[number] for number in one) for one in seen], dtype="str")
        table["seen"] = np.array([len(one) for one in seen], dtype=np.int32)
        for name, counts in (("analysed_by", records.analysed_by), ("overlaps", records.overlaps)):
            table[name] = counts[places].astype(np.int32)
        if self._keeps:
            lead = np.searchsorted(records.rows, records.groups.lead[rows]) + 1
            table["same_as"] = pd.Series(lead, dtype="Int64").where(pd.Series(lead) != table["id"])
        return geopandas.GeoDataFrame(table, geometry=outlines, crs=self._crs)

    def _measure(self, table: pd.DataFrame, rows: Indices, outlines: Geometries) -> None:
        """Measure outlines anew that no part has, or that people drew or reshaped."""
        records = self._records
        joined = np.isin(rows, list(records.outlines))
        places = np.flatnonzero(joined | self._stock.rows["edited"][rows])
        if not len(places):
            return
        shape = outlined(outlines[places], self._ground)
        for name, values in rounded(shape).items():
            _set(table, name, places, values)
        reshaped = np.flatnonzero(self._stock.rows["reshaped"][rows] & ~joined)
        for name in OF_PIXELS:
            _set(table, name, reshaped, np.nan)
        halves = np.flatnonzero(joined)
        if len(halves):
            told = np.stack([records.measures[int(row)] for row in rows[halves]], axis=1)
            length = shape["length_m"][np.searchsorted(places, halves)]
            for name, values in rounded(_whole(dict(zip(MEASURES, told, strict=True)), length)).items():
                _set(table, name, halves, values)


def _set(table: pd.DataFrame, name: str, places: Indices, values: Any) -> None:
    """Set numbers of a column, if some part has it, and nobody made a text of it."""
    if name not in table or not len(places) or not is_numeric_dtype(table[name]):
        return
    column = table[name].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    column[places] = values
    whole = is_integer_dtype(table[name])
    numbers = pd.Series(column, index=table.index)
    table[name] = numbers.astype("Int64" if np.isnan(column).any() else "int64") if whole else numbers


def _whole(measures: dict[str, Any], length_m: Float64) -> Columns:
    """Attributes of what was joined that follow from those of its halves; null what doesn't."""
    relief = measures["elev_max_m"] - measures["elev_min_m"]
    ratio = relief / length_m
    untold = {name: np.full(len(relief), np.nan) for name in UNTOLD}
    return {**measures, **untold, "relief_m": relief, "h_over_l": ratio, "h_l_angle_deg": np.degrees(np.arctan(ratio))}


def write_analysed(place: Path, together: Geometries, scenes: Scenes, crs: pyproj.CRS | None) -> float:
    """Write what was analysed by all together, each place once; give its area in m², NaN without a CRS."""
    area = Ground(Affine.identity(), crs).measure(together)[0]
    which, _ = scenes.footprints.looks(together, least=0)
    columns = {"area_m2": np.round(area, 2), "scenes": np.bincount(which, minlength=len(together)).astype(np.int32)}
    append(place, ANALYSED, geopandas.GeoDataFrame(columns, geometry=list(together), crs=crs), kind="Polygon")
    return float(area.sum())


def write_footprints(place: Path, parts: Sequence[Part], scenes: Scenes, crs: pyproj.CRS | None) -> None:
    """Write where each scene looked, with all that its inventory tells of it."""
    fields = {"area_m2": "float64"} | common_fields(parts, None) | {"scene": "object"}
    table = pd.concat([fitted(frame.drop(columns="geometry"), fields) for frame in scenes.frames], ignore_index=True)
    outlines: Geometries = np.concatenate([frame.geometry.to_numpy() for frame in scenes.frames])
    several = (shapely.get_type_id(outlines) != shapely.GeometryType.POLYGON).any()
    frame = geopandas.GeoDataFrame(table, geometry=outlines, crs=crs)
    append(place, FOOTPRINTS, frame, kind="MultiPolygon" if several else "Polygon")


def write_runs(place: Path, parts: Sequence[Part], scenes: Scenes) -> None:
    """Write how each scene was done."""
    runs = []
    for index, part in enumerate(parts):
        if part.has(RUNS):
            table, numbers = part.table(RUNS), scenes.numbers(index)
            told = part.scene_of(table)
            runs.append(table.assign(scene=[scenes.names[numbers[n]] if n in numbers else n for n in told]))
    if runs:
        table = pd.concat(runs, ignore_index=True).drop_duplicates(ignore_index=True)
        with unsynced():
            pyogrio.write_dataframe(table, place, layer=RUNS, driver="GPKG", append=True)
