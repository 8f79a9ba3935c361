"""The vector output: attributes, layers, provenance."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from landslide_cli.errors import OutputError, counted
from landslide_cli.inventory.attributes import PIXEL_FIELDS, Columns, Measurer, rounded
from landslide_cli.inventory.formats import convert, fitting_crs
from landslide_cli.inventory.geopackage import append, set_column, store_styles, unsynced, without_traces, write_style
from landslide_cli.inventory.neighbours import nearest_m
from landslide_cli.inventory.provenance import Job, run_table
from landslide_cli.inventory.shapefile import Room
from landslide_cli.scene.ground import Bounds, WestSouthEastNorth
from landslide_cli.typing import Float64, Geometries


class InventoryWriter:
    """Writes landslides and the analysed area as they come, so that their number doesn't matter to memory.

    A GeoPackage holds the layers ``landslides``, ``analysed`` and ``runs`` and the provenance; the other formats
    hold the landslides alone. GeoJSON comes in longitude and latitude with seven digits (RFC 7946).

    Args:
        path: File to write, in the format of its ending.
        measurer: What is done to the polygons and measured of them.
        job: What was asked for, where and when.
        provenance: What the file carries about its making.
        spread: Whether landslides have the attribute ``prob_spread``: with test-time augmentation alone.

    Attributes:
        measurer: As given, and so are job, provenance and spread.
        job: See there.
        provenance: See there.
        spread: See there.
        count: Landslides so far.
        flat: Landslides dropped so far because the ground is too flat.
        area_m2: Their area together; NaN where unknown.
        analysed_m2: Analysed area; NaN where unknown.

    Raises:
        OutputError: the format can't hold the CRS or the names.
    """

    def __init__(
        self, path: Path, *, measurer: Measurer, job: Job, provenance: dict[str, str], spread: bool = False
    ) -> None:
        self.count = 0
        self.flat = 0
        self.area_m2 = 0.0
        self.analysed_m2 = 0.0
        self._bounds = Bounds()
        self._path = path
        self.measurer, self.job, self.provenance, self.spread = measurer, job, provenance, spread
        self._ground = measurer.ground
        self._names = {"scene": job.scene, "model": provenance.get("LANDSLIDE_MODEL", "unknown")}
        self._crs = fitting_crs(path, self._ground.crs, self._names)
        self._room = Room(path) if path.suffix.lower() == ".shp" else None
        self._resolution_m = float(provenance.get("LANDSLIDE_RESOLUTION_M", "nan"))
        several = measurer.rules.connectivity == 8
        self._kind = {"landslides": "MultiPolygon" if several else "Polygon", "analysed": "Polygon"}
        # Formats that can't be appended to are made from a GeoPackage at the end.
        final = path.suffix.lower() == ".gpkg"
        self._spool = path if final else path.with_name("spool.gpkg")
        none = np.empty(0, dtype=object)
        fields = PIXEL_FIELDS if spread else PIXEL_FIELDS.keys() - {"prob_spread"}
        nothing = self._landslides(none, {name: np.zeros(0, PIXEL_FIELDS[name]) for name in fields})
        self._fields = [name for name in nothing.columns if name != "geometry"]
        # Reading the metadata of a file on the way would leave an .aux.xml behind.
        metadata = provenance if final else None
        self._append("landslides", nothing, mode="w", dataset_metadata=metadata)
        self._append("analysed", self._analysed(none))

    def add(self, pixels: Geometries, columns: Columns) -> None:
        """Add landslides in pixel coordinates; ``id`` counts from 1 in their order.

        Args:
            pixels: Their polygons.
            columns: What is known of their pixels: `landslide_cli.inventory.attributes.PIXEL_FIELDS`, ``prob_spread``
                only if the writer was made with ``spread``.
        """
        frame = self._landslides(pixels, columns)
        if len(frame):
            if self._room:
                self._room.take(frame)
            self._append("landslides", frame)
            self.count += len(frame)
            self.area_m2 += float(frame["area_m2"].sum(skipna=False))
            corners = shapely.get_coordinates(frame.geometry.to_numpy())
            self._bounds.add(*self._ground.longitude_latitude(*corners.T))

    def add_analysed(self, pixels: Geometries) -> None:
        """Add outlines, in pixel coordinates, of what the network has looked at."""
        frame = self._analysed(pixels)
        if len(frame):
            self._append("analysed", frame)
            self.analysed_m2 += float(frame["area_m2"].sum(skipna=False))

    @property
    def bounds(self) -> WestSouthEastNorth | None:
        """Of the landslides so far in WGS 84 degrees, see `Bounds.degrees`."""
        return self._bounds.degrees

    def close(self) -> None:
        """Look for each landslide's nearest neighbour, note the run, and bring the file into its final format."""
        self._fill_nearest()
        if self._spool == self._path:
            run = run_table(self.job, self.provenance, datetime.now(UTC))
            with unsynced():
                pyogrio.write_dataframe(run, self._path, layer="runs", driver="GPKG", append=True)
            store_styles(self._path)
            self._refuse_missing("landslides")
            return
        convert(
            self._spool,
            self._path,
            fields=self._fields,
            kind=self._kind["landslides"],
            crs=self._crs,
            tags=self.provenance,
        )
        self._spool.unlink()
        if self._path.suffix.lower() != ".parquet":
            self._refuse_missing(None)
        write_style(self._path, "landslides")

    def _refuse_missing(self, layer: str | None) -> None:
        """Count what is in the file: a driver tells of a full disk at close at best, and nobody hears it then."""
        with without_traces():
            found = pyogrio.read_info(self._path, layer=layer, force_feature_count=True)["features"]
        if found != self.count:
            raise OutputError(
                f"{self._path.name} holds {found} of {counted(self.count, 'landslide')} after it was written; nothing "
                "got its name. Look whether the disk is full or fails"
            )

    def _fill_nearest(self) -> None:
        """A second pass, over centroids alone: neighbours are known once every landslide is."""
        kinds = [("fid", np.int64), ("lon", np.float64), ("lat", np.float64)]
        with closing(sqlite3.connect(self._spool)) as file, file:
            found = file.execute("SELECT fid, lon, lat FROM landslides WHERE lon IS NOT NULL")
            places = np.fromiter(found, dtype=kinds)
            metres = np.round(nearest_m(places["lon"], places["lat"]), 2)
            if len(places) < 2:
                return
            set_column(file, "landslides", "nearest_m", list(zip(metres.tolist(), places["fid"].tolist(), strict=True)))

    def _landslides(self, pixels: Geometries, columns: Columns) -> geopandas.GeoDataFrame:
        found = self.measurer.measure(pixels)
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
            "nodata_share": np.round(_holes_share(pixels), 4),
            "resolution_m": np.full(len(placed), self._resolution_m),
            "scene": _repeated(self._names["scene"], len(placed)),
        }
        return self._frame(columns, placed)

    def _frame(self, columns: dict[str, Any], geometry: Geometries) -> geopandas.GeoDataFrame:
        return geopandas.GeoDataFrame(columns, geometry=geopandas.GeoSeries(list(geometry), crs=self._crs))

    def _append(self, layer: str, frame: geopandas.GeoDataFrame, **options: Any) -> None:
        append(self._spool, layer, frame, kind=self._kind[layer], **options)


def _holes_share(pixels: Geometries) -> Float64:
    """Part of what polygons surround that isn't theirs."""
    area = shapely.area(pixels)
    share: Float64 = 1 - area / shapely.area(shapely.polygons(shapely.get_exterior_ring(pixels)))
    return share


def _repeated(text: str, count: int) -> pd.Series:
    return pd.Series([text] * count, dtype="str")
