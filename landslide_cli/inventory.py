"""The vector output: attributes, layers, formats, provenance."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio

from landslide_cli.attributes import PIXEL_FIELDS, SHORT_NAMES, Columns, Measurer, rounded
from landslide_cli.errors import OutputError
from landslide_cli.ground import Geometries
from landslide_cli.neighbours import nearest_m

DRIVERS = {
    ".gpkg": "GPKG",
    ".shp": "ESRI Shapefile",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".fgb": "FlatGeobuf",
}


def refuse_unknown_ending(path: Path) -> None:
    """Check that a vector output can be written by its ending.

    Raises:
        OutputError: it can't.
    """
    if path.suffix.lower() not in DRIVERS:
        raise OutputError(f"{path}: no format is known by the ending {path.suffix!r}; use one of {', '.join(DRIVERS)}")


class InventoryWriter:
    """Writes landslides and the analysed area as they come, so that their number doesn't matter to memory.

    A GeoPackage holds the layers ``landslides`` and ``analysed`` and the provenance; the other formats hold
    the landslides alone. GeoJSON comes in longitude and latitude with seven digits (RFC 7946).

    Args:
        path: File to write, in the format of its ending.
        measurer: What is done to the polygons and measured of them.
        scene: Name of the scene.
        model: Model id.
        resolution_m: Metres per pixel that the network has seen, if known.
        multi: Whether landslides may have several parts (connectivity 8).
        spread: Whether landslides have the attribute ``prob_spread``: with test-time augmentation alone.
        provenance: What the file carries about its making.

    Attributes:
        count: Landslides so far.
        flat: Landslides dropped so far because the ground is too flat.
        area_m2: Their area together; NaN where unknown.
        analysed_m2: Analysed area; NaN where unknown.
        bounds: West, south, east, north of the landslides so far in WGS 84 degrees, or None.
    """

    def __init__(
        self, path: Path, *, measurer: Measurer, scene: str, model: str,
        resolution_m: float | None, multi: bool, provenance: dict[str, str], spread: bool = False,
    ) -> None:  # fmt: skip
        self.count = 0
        self.flat = 0
        self.area_m2 = 0.0
        self.analysed_m2 = 0.0
        self.bounds: tuple[float, float, float, float] | None = None
        self._path = path
        self._measurer = measurer
        self._ground = measurer.ground
        self._names = {"scene": scene, "model": model}
        self._resolution_m = resolution_m
        self._kind = {"landslides": "MultiPolygon" if multi else "Polygon", "analysed": "Polygon"}
        # Formats that can't be appended to are made from a GeoPackage at the end.
        self._spool = path.with_suffix(".gpkg")
        none = np.empty(0, dtype=object)
        fields = PIXEL_FIELDS if spread else PIXEL_FIELDS.keys() - {"prob_spread"}
        nothing = self._landslides(none, {name: np.zeros(0, PIXEL_FIELDS[name]) for name in fields})
        self._fields = [name for name in nothing.columns if name != "geometry"]
        # 1.2 is read by every QGIS and ArcGIS in use.
        self._append("landslides", nothing, mode="w", VERSION="1.2", dataset_metadata=provenance)
        self._append("analysed", self._analysed(none))

    def add(self, pixels: Geometries, columns: Columns) -> None:
        """Add landslides in pixel coordinates; ``id`` counts from 1 in their order.

        Args:
            pixels: Their polygons.
            columns: What is known of their pixels: `landslide_cli.attributes.PIXEL_FIELDS`, ``prob_spread`` only if
                the writer was made with ``spread``.
        """
        frame = self._landslides(pixels, columns)
        if len(frame):
            self._append("landslides", frame)
            self.count += len(frame)
            self.area_m2 += float(frame["area_m2"].sum(skipna=False))
            self._extend(frame)

    def add_analysed(self, pixels: Geometries) -> None:
        """Add outlines, in pixel coordinates, of what the network has looked at."""
        frame = self._analysed(pixels)
        if len(frame):
            self._append("analysed", frame)
            self.analysed_m2 += float(frame["area_m2"].sum(skipna=False))

    def close(self) -> None:
        """Look for each landslide's nearest neighbour, and bring the file into its final format."""
        self._fill_nearest()
        suffix = self._path.suffix.lower()
        if suffix == ".gpkg":
            return
        options = {".shp": {"ENCODING": "UTF-8"}}.get(suffix, {})
        if suffix in (".geojson", ".json") and self._ground.crs:
            options = {"RFC7946": "YES"}
        short = SHORT_NAMES if suffix == ".shp" else {}
        renamed = ", ".join(f'"{name}" AS "{short.get(name, name)}"' for name in self._fields)
        sql = f"SELECT {renamed}, geom FROM landslides ORDER BY id"
        with pyogrio.open_arrow(self._spool, sql=sql, use_pyarrow=False) as (meta, stream):
            pyogrio.write_arrow(
                stream, self._path, driver=DRIVERS[suffix], geometry_name=meta["geometry_name"] or "geom",
                geometry_type=self._kind["landslides"], crs=meta["crs"], **options,
            )  # fmt: skip
        self._spool.unlink()

    def _fill_nearest(self) -> None:
        """A second pass, over centroids alone: neighbours are known once every landslide is."""
        kinds = [("fid", np.int64), ("lon", np.float64), ("lat", np.float64)]
        with closing(sqlite3.connect(self._spool)) as file, file:
            found = file.execute("SELECT fid, lon, lat FROM landslides WHERE lon IS NOT NULL")
            places = np.fromiter(found, dtype=kinds)
            metres = np.round(nearest_m(places["lon"], places["lat"]), 2)
            if len(places) < 2:
                return
            # Triggers that follow geometries call functions which GDAL alone has, so they step aside.
            triggers = file.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'landslides'"
            ).fetchall()
            for name, _ in triggers:
                file.execute(f'DROP TRIGGER "{name}"')
            rows = zip(metres.tolist(), places["fid"].tolist(), strict=True)
            file.executemany("UPDATE landslides SET nearest_m = ? WHERE fid = ?", rows)
            for _, sql in triggers:
                file.execute(sql)

    def _landslides(self, pixels: Geometries, columns: Columns) -> geopandas.GeoDataFrame:
        found = self._measurer.measure(pixels)
        self.flat += found.flat
        count = len(found.placed)
        table: dict[str, Any] = {
            **{name: values[found.keep] for name, values in columns.items()},
            **found.columns,
            "id": np.arange(self.count + 1, self.count + 1 + count, dtype=np.int64),
            "nearest_m": np.full(count, np.nan),
            **{name: _repeated(text, count) for name, text in self._names.items()},
        }
        return self._frame(rounded(table), found.placed)

    def _analysed(self, pixels: Geometries) -> geopandas.GeoDataFrame:
        placed = self._ground.place(pixels)
        columns = {
            "area_m2": np.round(self._ground.measure(placed)[0], 2),
            "scene": _repeated(self._names["scene"], len(placed)),
            "resolution_m": np.full(len(placed), np.nan if self._resolution_m is None else self._resolution_m),
        }
        return self._frame(columns, placed)

    def _frame(self, columns: dict[str, Any], geometry: Geometries) -> geopandas.GeoDataFrame:
        crs = self._ground.crs
        return geopandas.GeoDataFrame(
            columns, geometry=geopandas.GeoSeries(list(geometry), crs=crs.to_wkt() if crs else None)
        )

    def _append(self, layer: str, frame: geopandas.GeoDataFrame, *, mode: str = "a", **options: Any) -> None:
        with warnings.catch_warnings():
            # The missing CRS was told about when the scene was opened.
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            frame.to_file(
                self._spool, layer=layer, driver="GPKG", engine="pyogrio", mode=mode,
                geometry_type=self._kind[layer], promote_to_multi=self._kind[layer] == "MultiPolygon", **options,
            )  # fmt: skip

    def _extend(self, frame: geopandas.GeoDataFrame) -> None:
        if frame.crs is None:
            return
        west, south, east, north = map(float, frame.to_crs(4326).total_bounds)
        if self.bounds:
            was = self.bounds
            west, south, east, north = min(west, was[0]), min(south, was[1]), max(east, was[2]), max(north, was[3])
        self.bounds = west, south, east, north


def _repeated(text: str, count: int) -> pd.Series:
    return pd.Series([text] * count, dtype="str")
