"""One inventory of many: the layers of all scenes in one file, in one coordinate system."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
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

from landslide_cli.files import staged
from landslide_cli.inventory.geopackage import append, set_column, store_styles, without_traces
from landslide_cli.scene.ground import Ground, beside
from landslide_cli.typing import Float64, Geometries, Indices

WGS84 = pyproj.CRS.from_epsg(4326)
ROWS = 50_000  # landslides that are in memory at a time
# Neighbours that only share an edge overlap by slivers where their coordinates are rounded on the way to degrees.
SLIVER = 1e-3
# Straight edges of a map bend on the way to degrees; so many vertices on a side follow them.
VERTICES_ON_A_SIDE = 16


@dataclass(frozen=True, slots=True)
class Part:
    """The inventory of one scene.

    Attributes:
        name: What the merged inventory calls the scene.
        path: The inventory, a GeoPackage.
    """

    name: str
    path: Path


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

    Rows come in the order of the parts. Their attributes are those of the parts but for ``id``, which counts anew;
    ``id_in_scene`` is the one before. ``overlaps`` is the number of landslides of other scenes that one overlaps.

    Args:
        parts: Inventories that `landslide_cli.detect` has written with the same settings.
        out: File to write.
        tags: Provenance.
    """
    with without_traces(), staged(out) as place:
        known = {part.name: _crs(part.path) for part in parts}
        systems = [crs for crs in known.values() if crs is not None]
        target = None if not systems else systems[0] if all(crs == systems[0] for crs in systems) else WGS84
        kept = [part for part in parts if target is None or known[part.name] is not None]
        placing = _Placing(target)
        layers, area_m2 = _write_landslides(kept, known, place, placing, tags)
        analysed_m2 = _write_analysed(kept, known, place, placing)
        runs = [pyogrio.read_dataframe(part.path, layer="runs").assign(scene=part.name) for part in kept]
        pyogrio.write_dataframe(pd.concat(runs, ignore_index=True), place, layer="runs", driver="GPKG", append=True)
        overlapping, overlap_m2 = _mark_overlaps(place, layers, target)
        store_styles(place)
    return Merged(
        landslides=layers[-1].last,
        area_m2=area_m2 if target else math.nan,
        analysed_m2=analysed_m2,
        overlapping=overlapping,
        overlap_m2=overlap_m2,
        crs=target.to_string() if target else None,
        left_out=tuple(part.name for part in parts if part not in kept),
    )


def _crs(path: Path) -> pyproj.CRS | None:
    """That of an inventory; what only says that there is none is none."""
    told = pyogrio.read_info(path, layer="landslides")["crs"]
    crs = pyproj.CRS.from_user_input(told) if told else None
    return None if crs is None or crs.is_engineering else crs


def _read(path: Path, layer: str) -> Iterator[geopandas.GeoDataFrame]:
    """A layer in pieces; at least one, which may be empty."""
    first, frame = 0, None
    while frame is None or len(frame) == ROWS:
        frame = pyogrio.read_dataframe(path, layer=layer, skip_features=first, max_features=ROWS)
        yield frame
        first += ROWS


def _write_landslides(
    parts: Sequence[Part], known: Mapping[str, Any], place: Path, placing: _Placing, tags: Mapping[str, str]
) -> tuple[list[_Layer], float]:
    layers: list[_Layer] = []
    count, area_m2 = 0, 0.0
    for part in parts:
        first, box = count + 1, shapely.Polygon()
        for frame in _read(part.path, "landslides"):
            geometry = placing(frame.geometry.to_numpy(), known[part.name])
            numbers = np.arange(count + 1, count + 1 + len(frame))
            table = frame.drop(columns="geometry").assign(scene=part.name, overlaps=np.int32(0))
            table.insert(1, "id_in_scene", table["id"])
            table["id"] = numbers
            merged = geopandas.GeoDataFrame(table, geometry=geometry, crs=placing.target)
            begin: dict[str, Any] = {"mode": "a"} if layers or count else {"mode": "w", "dataset_metadata": dict(tags)}
            if len(frame) or not (layers or count):
                append(place, "landslides", merged, kind=_kind(part.path, "landslides"), **begin)
            count += len(frame)
            area_m2 += float(frame["area_m2"].sum(skipna=False))
            if len(geometry):
                box = shapely.box(*shapely.total_bounds(np.append(geometry, box)))
        layers.append(_Layer(first, count, box))
    return layers, area_m2


def _write_analysed(parts: Sequence[Part], known: Mapping[str, Any], place: Path, placing: _Placing) -> float:
    area_m2 = 0.0
    for part in parts:
        for frame in _read(part.path, "analysed"):
            geometry = frame.geometry.to_numpy()
            if len(frame) and known[part.name] != placing.target:
                left, bottom, right, top = shapely.total_bounds(geometry)
                geometry = shapely.segmentize(geometry, max(right - left, top - bottom) / VERTICES_ON_A_SIDE)
            placed = placing(geometry, known[part.name])
            table = frame.drop(columns="geometry").assign(scene=part.name)
            merged = geopandas.GeoDataFrame(table, geometry=placed, crs=placing.target)
            append(place, "analysed", merged, kind=_kind(part.path, "analysed"))
            area_m2 += float(frame["area_m2"].sum(skipna=False))
    return area_m2


def _kind(path: Path, layer: str) -> str:
    return str(pyogrio.read_info(path, layer=layer)["geometry_type"])


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
