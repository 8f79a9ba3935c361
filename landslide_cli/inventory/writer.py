"""The vector output: attributes, layers, provenance."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from landslide_cli.errors import OutputError, counted
from landslide_cli.inventory.attributes import OF_BEFORE, PIXEL_FIELDS, Columns, Measurer, rounded
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.formats import convert, fitting_crs
from landslide_cli.inventory.geopackage import (
    NEW,
    add_rows,
    set_column,
    store_styles,
    style_beside,
    told_crs,
    without_traces,
    write_style,
)
from landslide_cli.inventory.neighbours import nearest_m
from landslide_cli.inventory.provenance import Job, as_number, run_row
from landslide_cli.inventory.review import REVIEW_FIELDS, UNREVIEWED
from landslide_cli.inventory.shapefile import Room
from landslide_cli.inventory.sharing import KML_LAYER
from landslide_cli.scene.ground import Bounds, WestSouthEastNorth
from landslide_cli.typing import Bools, Float64, Geometries


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
        new: Landslides so far that are new; 0 without an image of before, and so are the next two.
        old: Landslides so far that were there before, those among them that were dropped for it.
        unseen: Landslides so far whose ground was hardly seen before.
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
        self.new = self.old = self.unseen = 0
        self.area_m2 = 0.0
        self.analysed_m2 = 0.0
        self._bounds = Bounds()
        self._path = path
        self.measurer, self.job, self.provenance, self.spread = measurer, job, provenance, spread
        self._ground = measurer.ground
        self._confidence = Confidence.told(provenance)
        self._names = {"scene": job.scene, "model": provenance.get("LANDSLIDE_MODEL", "unknown")}
        self._crs = fitting_crs(path, self._ground.crs, self._names)
        self._told_crs = told_crs(self._crs)
        self._room = Room(path) if path.suffix.lower() == ".shp" else None
        self._resolution_m = as_number(provenance.get("LANDSLIDE_RESOLUTION_M"))
        several = measurer.rules.connectivity == 8
        self._kind = {"landslides": "MultiPolygon" if several else "Polygon", "analysed": "Polygon"}
        # Formats that can't be appended to are made from a GeoPackage at the end.
        final = path.suffix.lower() == ".gpkg"
        self._spool = path if final else path.with_name("spool.gpkg")
        self._of_before = measurer.rules.before is not None
        self._made: set[str] = set()
        self._fields: list[str] = []

    def add(self, pixels: Geometries, columns: Columns) -> None:
        """Add landslides in pixel coordinates; ``id`` counts from 1 in their order.

        Args:
            pixels: Their polygons.
            columns: What is known of their pixels: `landslide_cli.inventory.attributes.PIXEL_FIELDS`, ``prob_spread``
                only if the writer was made with ``spread``, and those of before only if the rules name an image of it.
        """
        rows, placed = self._landslides(pixels, columns)
        if len(placed):
            if self._room:
                self._room.take(rows, placed)
            self._append("landslides", rows, placed)
            self.count += len(placed)
            self.area_m2 += float(rows["area_m2"].sum())
            corners = shapely.get_coordinates(placed)
            self._bounds.add(*self._ground.longitude_latitude(*corners.T))

    def add_analysed(self, pixels: Geometries, before_share: Float64 | None = None) -> None:
        """Add outlines, in pixel coordinates, of what the network has looked at.

        Args:
            pixels: The outlines.
            before_share: Part of the pixels in each that was seen before, shape ``(n,)``, with an image of that.
        """
        rows, placed = self._analysed(pixels, before_share)
        if len(placed):
            self._append("analysed", rows, placed)
            self.analysed_m2 += float(rows["area_m2"].sum())

    @property
    def bounds(self) -> WestSouthEastNorth | None:
        """Of the landslides so far in WGS 84 degrees, see `Bounds.degrees`."""
        return self._bounds.degrees

    def close(self) -> None:
        """Look for each landslide's nearest neighbour, note the run, and bring the file into its final format."""
        for layer in self._kind:
            if layer not in self._made:
                self._append(layer, *self._nothing(layer))
        self._fill_nearest()
        if self._spool == self._path:
            add_rows(self._path, "runs", run_row(self.job, self.provenance, datetime.now(UTC)))
            store_styles(self._path, self._confidence)
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
        if self._path.suffix.lower() not in (".parquet", ".pmtiles"):
            self._refuse_missing(KML_LAYER if self._path.suffix.lower() == ".kml" else None)
        if style_beside(self._path):
            write_style(self._path, NEW if self._of_before else "landslides", self._confidence)

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

    def _nothing(self, layer: str) -> tuple[Columns, Geometries]:
        """A layer's columns without rows."""
        none = np.empty(0, dtype=object)
        if layer == "analysed":
            return self._analysed(none)
        absent = {*(() if self.spread else ("prob_spread",)), *(() if self._of_before else OF_BEFORE)}
        return self._landslides(
            none, {name: np.zeros(0, kind) for name, kind in PIXEL_FIELDS.items() if name not in absent}
        )

    def _landslides(self, pixels: Geometries, columns: Columns) -> tuple[Columns, Geometries]:
        """Columns and polygons of those that stay."""
        found = self.measurer.measure(pixels)
        self.flat += found.flat
        told = {name: values[found.keep] for name, values in columns.items()} | found.columns
        stays = self._wanted(told)
        count = int(np.count_nonzero(stays))
        table: dict[str, NDArray[Any]] = {
            **{name: values[stays] for name, values in told.items()},
            "id": np.arange(self.count + 1, self.count + 1 + count, dtype=np.int64),
            "nearest_m": np.full(count, np.nan),
            **{name: _repeated(text, count) for name, text in self._names.items()},
            **{name: _repeated(None, count) for name in (*REVIEW_FIELDS, "confidence")},
            "status": _repeated(UNREVIEWED, count),
        }
        table = rounded(table)
        # By what is written, so that whoever reads it finds the same classes.
        table["confidence"] = self._confidence.classify(table)
        if self._of_before:
            table["new"] = np.ma.array(table["new"] == 1, mask=np.isnan(table["new"]))
        return table, found.placed[stays]

    def _wanted(self, told: Columns) -> Bools:
        """Landslides that stay: all, or those that aren't known to have been there before."""
        if not self._of_before:
            return np.ones(len(told["area_m2"]), dtype=bool)
        new = told["new"]
        self.new += int(np.count_nonzero(new == 1))
        self.old += int(np.count_nonzero(new == 0))
        self.unseen += int(np.count_nonzero(np.isnan(new)))
        return ~((new == 0) & self.measurer.rules.only_new)

    def _analysed(self, pixels: Geometries, before_share: Float64 | None = None) -> tuple[Columns, Geometries]:
        placed = self._ground.place(pixels)
        columns = {
            "area_m2": np.round(self._ground.measure(placed)[0], 2),
            "nodata_share": np.round(_holes_share(pixels), 4),
            "resolution_m": np.full(len(placed), self._resolution_m),
            **({"before_share": _share_of_before(before_share)} if self._of_before else {}),
            "scene": _repeated(self._names["scene"], len(placed)),
        }
        return columns, placed

    def _append(self, layer: str, columns: Columns, placed: Geometries) -> None:
        if not self._made and layer != "landslides":
            self._append("landslides", *self._nothing("landslides"))  # QGIS and GDAL show the first layer
        options: dict[str, Any] = {}
        if not self._made and self._spool == self._path:
            # Reading the metadata of a file on the way would leave an .aux.xml behind.
            options["dataset_metadata"] = self.provenance
        add_rows(self._spool, layer, columns, placed, crs=self._told_crs, kind=self._kind[layer], **options)
        self._made.add(layer)
        if layer == "landslides":
            self._fields = list(columns)


def _holes_share(pixels: Geometries) -> Float64:
    """Part of what polygons surround that isn't theirs."""
    area = shapely.area(pixels)
    share: Float64 = 1 - area / shapely.area(shapely.polygons(shapely.get_exterior_ring(pixels)))
    return share


def _share_of_before(share: Float64 | None) -> Float64:
    """As it is written, of nothing as well."""
    return np.zeros(0) if share is None else np.round(share, 4)


def _repeated(text: str | None, count: int) -> NDArray[np.object_]:
    return np.full(count, text, dtype=object)
