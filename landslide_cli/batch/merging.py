"""One inventory of many: the layers of all scenes in one file, in one coordinate system."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from affine import Affine

from landslide_cli.batch.parts import LANDSLIDES, Part, common_fields
from landslide_cli.files import staged
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.geopackage import append, set_column, store_styles, without_traces
from landslide_cli.scene.ground import Ground, beside
from landslide_cli.typing import Float64, Geometries, Indices

WGS84 = pyproj.CRS.from_epsg(4326)
ANALYSED, RUNS = "analysed", "runs"
# Neighbours that only share an edge overlap by slivers where their coordinates are rounded on the way to degrees.
SLIVER = 1e-3
# Straight edges of a map bend on the way to degrees; so many vertices on a side follow them.
VERTICES_ON_A_SIDE = 16


@dataclass(frozen=True, slots=True)
class Merged:
    """The content of a merged inventory, in numbers.

    Attributes:
        landslides: Number of polygons.
        area_m2: Their area together, NaN without a CRS.
        analysed_m2: What was analysed, scene by scene; NaN without a CRS.
        overlapping: Landslides that overlap one of another scene.
        overlap_m2: Area that is counted more than once for that.
        crs: Coordinate reference system, None if no scene has one.
        left_out: Scenes without a CRS, where others have one.
    """

    landslides: int
    area_m2: float
    analysed_m2: float
    overlapping: int
    overlap_m2: float
    crs: str | None
    left_out: tuple[str, ...]


@dataclass(slots=True)
class _Layer:
    """The landslides of a part: rows ``first`` to ``last`` of the merged layer, and bounds around them."""

    first: int
    last: int
    box: Any


class _Placing:
    """Brings geometries into the CRS of the merged inventory."""

    def __init__(self, target: pyproj.CRS | None) -> None:
        self.target = target
        self._centre: float | None = None

    def __call__(self, geometry: Geometries, crs: pyproj.CRS | None) -> Geometries:
        if crs == self.target or crs is None:
            return geometry
        ground = Ground(Affine.identity(), crs)

        def moved(x: Float64, y: Float64) -> tuple[Float64, Float64]:
            longitude, latitude = ground.longitude_latitude(x, y)
            if self._centre is None:
                self._centre = float(longitude[0])
            # All on one side of the antimeridian, so that what lies across it stays in one piece.
            return beside(longitude, np.full(len(longitude), self._centre)), latitude

        placed: Geometries = shapely.orient_polygons(shapely.transform(geometry, moved, interleaved=False))
        return placed


def merge(parts: Sequence[Part], out: Path, tags: Mapping[str, str]) -> Merged:
    """Write the layers ``landslides``, ``analysed`` and ``runs`` of all parts to one GeoPackage.

    Rows come in the order of the parts. Their attributes are all that any part has, also those that people added, empty
    where a part has none of the name, but for ``id``, which counts anew;
    ``id_in_scene`` is the one before. ``overlaps`` is the number of landslides of other scenes that one overlaps.

    Args:
        parts: Inventories that `landslide_cli.detect` has written with the same settings, and people may have edited.
        out: File to write.
        tags: Provenance.

    Raises:
        InventoryError: a part has no landslides any more.
        OutputError: the file can't be replaced.
    """
    with without_traces(), staged(out) as place:
        systems = [part.crs for part in parts if part.crs is not None]
        target = None if not systems else systems[0] if all(crs == systems[0] for crs in systems) else WGS84
        kept = [part for part in parts if target is None or part.crs is not None]
        placing = _Placing(target)
        layers, area_m2 = _write_landslides(kept, place, placing, tags)
        analysed_m2 = _write_analysed(kept, place, placing)
        _write_runs(kept, place)
        overlapping, overlap_m2 = _mark_overlaps(place, layers, target)
        store_styles(place, Confidence.told(tags))
    return Merged(
        landslides=layers[-1].last,
        area_m2=area_m2 if target else math.nan,
        analysed_m2=analysed_m2,
        overlapping=overlapping,
        overlap_m2=overlap_m2,
        crs=target.to_string() if target else None,
        left_out=tuple(part.name for part in parts if part not in kept),
    )


def _write_landslides(
    parts: Sequence[Part], place: Path, placing: _Placing, tags: Mapping[str, str]
) -> tuple[list[_Layer], float]:
    fields = {"id": "int64"} | common_fields(parts, LANDSLIDES) | {"scene": "object"}
    kind = _kind(parts, LANDSLIDES)
    layers: list[_Layer] = []
    count, area_m2 = 0, 0.0
    for part in parts:
        first, box = count + 1, shapely.Polygon()
        for frame in part.read(LANDSLIDES, fields):
            geometry = placing(frame.geometry.to_numpy(), part.crs)
            numbers = np.arange(count + 1, count + 1 + len(frame))
            table = frame.drop(columns="geometry").assign(scene=part.name, overlaps=np.int32(0))
            table = table.drop(columns="id_in_scene", errors="ignore")
            table.insert(1, "id_in_scene", table["id"])
            table["id"] = numbers
            merged = geopandas.GeoDataFrame(table, geometry=geometry, crs=placing.target)
            begin: dict[str, Any] = {"mode": "a"} if layers or count else {"mode": "w", "dataset_metadata": dict(tags)}
            if len(frame) or not (layers or count):
                append(place, LANDSLIDES, merged, kind=kind, **begin)
            count += len(frame)
            # Polygons that were drawn by hand have no area until somebody measures them.
            area_m2 += float(frame["area_m2"].sum()) if "area_m2" in frame else 0.0
            if len(geometry):
                box = shapely.box(*shapely.total_bounds(np.append(geometry, box)))
        layers.append(_Layer(first, count, box))
    return layers, area_m2


def _write_analysed(parts: Sequence[Part], place: Path, placing: _Placing) -> float:
    area_m2 = 0.0
    known = [part for part in parts if part.has(ANALYSED)]
    fields = {"area_m2": "float64"} | common_fields(known, ANALYSED) | {"scene": "object"}
    kind = _kind(known, ANALYSED)
    if not known:
        nothing = geopandas.GeoDataFrame({"area_m2": [0.0], "scene": [""]}, geometry=[None], crs=placing.target)
        append(place, ANALYSED, nothing.iloc[:0], kind=kind)
    for part in known:
        for frame in part.read(ANALYSED, fields):
            geometry = frame.geometry.to_numpy()
            if len(frame) and part.crs != placing.target:
                left, bottom, right, top = shapely.total_bounds(geometry)
                geometry = shapely.segmentize(geometry, max(right - left, top - bottom) / VERTICES_ON_A_SIDE)
            placed = placing(geometry, part.crs)
            table = frame.drop(columns="geometry").assign(scene=part.name)
            append(place, ANALYSED, geopandas.GeoDataFrame(table, geometry=placed, crs=placing.target), kind=kind)
            area_m2 += float(frame["area_m2"].sum(skipna=False))
    return area_m2


def _write_runs(parts: Sequence[Part], place: Path) -> None:
    runs = [part.table(RUNS).assign(scene=part.name) for part in parts if part.has(RUNS)]
    if runs:
        pyogrio.write_dataframe(pd.concat(runs, ignore_index=True), place, layer=RUNS, driver="GPKG", append=True)


def _kind(parts: Sequence[Part], layer: str) -> str:
    return "Polygon" if all(part.is_single(layer) for part in parts) else "MultiPolygon"


def _mark_overlaps(place: Path, layers: Sequence[_Layer], crs: pyproj.CRS | None) -> tuple[int, float]:
    """Fill ``overlaps``; give the number of landslides that overlap one of another scene, and the area of all pairs."""
    overlaps = np.zeros(layers[-1].last + 1, dtype=np.int64)
    area_m2 = 0.0
    ground = Ground(Affine.identity(), crs)
    near = shapely.STRtree([layer.box for layer in layers]).query([layer.box for layer in layers], "intersects")
    for one, other in near.T[near[0] < near[1]]:
        common = shapely.intersection(layers[one].box, layers[other].box).bounds
        here, there = (_landslides_in(place, layers[side], common) for side in (one, other))
        pairs, shared = _shared(here.geometry.to_numpy(), there.geometry.to_numpy())
        np.add.at(overlaps, here.index.to_numpy()[pairs[0]], 1)
        np.add.at(overlaps, there.index.to_numpy()[pairs[1]], 1)
        area_m2 += float(ground.measure(shared)[0].sum())
    marked = np.flatnonzero(overlaps)
    with closing(sqlite3.connect(place)) as file, file:
        set_column(file, "landslides", "overlaps", list(zip(overlaps[marked].tolist(), marked.tolist(), strict=True)))
    return len(marked), area_m2


def _landslides_in(place: Path, layer: _Layer, bounds: tuple[float, ...]) -> geopandas.GeoDataFrame:
    """Those of one part that may reach into bounds, by their ``fid``."""
    return pyogrio.read_dataframe(
        place, layer="landslides", columns=[], bbox=bounds, fid_as_index=True,
        where=f"fid BETWEEN {layer.first} AND {layer.last}",
    )  # fmt: skip


def _shared(here: Geometries, there: Geometries) -> tuple[Indices, Geometries]:
    """Pairs that overlap by more than slivers, shape ``(2, n)``, and the polygons that they share."""
    pairs = shapely.STRtree(there).query(here, "intersects")
    shared = shapely.intersection(here[pairs[0]], there[pairs[1]])
    smaller = np.minimum(shapely.area(here[pairs[0]]), shapely.area(there[pairs[1]]))
    real = shapely.area(shared) > SLIVER * smaller
    parts = shapely.get_parts(shapely.get_parts(shared[real]))
    polygons: Geometries = parts[shapely.get_dimensions(parts) == 2]
    return pairs[:, real], polygons
