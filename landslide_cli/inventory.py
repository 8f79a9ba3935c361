"""The vector output: attributes, layers, formats, provenance."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from affine import Affine
from numpy.typing import NDArray

from landslide_cli.errors import OutputError

if TYPE_CHECKING:
    from rasterio.crs import CRS

Geometries = NDArray[np.object_]

DRIVERS = {
    ".gpkg": "GPKG",
    ".shp": "ESRI Shapefile",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".fgb": "FlatGeobuf",
}
LANDSLIDE_FIELDS = ["id", "area_m2", "perimeter_m", "prob_mean", "prob_max", "prob_spread", "cut", "scene", "model"]
# A shapefile's field names hold ten characters.
SHORT_NAMES = {"perimeter_m": "perim_m", "prob_spread": "prob_sprd"}


def refuse_unknown_ending(path: Path) -> None:
    """Check that a vector output can be written by its ending.

    Raises:
        OutputError: it can't.
    """
    if path.suffix.lower() not in DRIVERS:
        raise OutputError(f"{path}: no format is known by the ending {path.suffix!r}; use one of {', '.join(DRIVERS)}")


@dataclass(frozen=True, slots=True)
class Shaping:
    """What is done to polygons before they are written.

    Attributes:
        min_area_m2: Smaller polygons are dropped, before holes are filled.
        fill_holes_m2: Holes up to this area are filled.
        simplify_m: Outlines may move by this much to lose vertices; 0 keeps the pixels' outline.
    """

    min_area_m2: float = 0.0
    fill_holes_m2: float = 0.0
    simplify_m: float = 0.0


@dataclass(frozen=True)
class Ground:
    """From pixels of one scene to places and metres on the earth.

    Attributes:
        transform: Pixel to map.
        crs: Coordinate reference system, or None.
        pixel_m: Metres per pixel down and across at the scene's centre, None where unknown.
    """

    transform: Affine
    crs: CRS | None
    pixel_m: tuple[float, float] | None

    @cached_property
    def _ellipsoid(self) -> tuple[pyproj.Geod, pyproj.Transformer] | None:
        """The ellipsoid of the CRS and the way to its degrees: made once, measured by for every polygon."""
        crs = pyproj.CRS.from_user_input(self.crs) if self.crs else None
        geod = crs.get_geod() if crs else None
        if crs is None or geod is None or crs.geodetic_crs is None:
            return None
        return geod, pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def place(self, pixels: Geometries) -> Geometries:
        """Pixel coordinates to the scene's CRS; outer rings run counter-clockwise."""
        placed = shapely.transform(pixels, lambda x, y: self.transform @ (x, y), interleaved=False)
        oriented: Geometries = shapely.orient_polygons(placed)
        return oriented

    def measure(self, placed: Geometries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Geodesic area in m² and perimeter in m (that of holes included) of polygons in the scene's CRS.

        Karney 2013, "Algorithms for geodesics", Journal of Geodesy 87, section 6, on the ellipsoid of
        the CRS. NaN without a CRS, or with one that isn't tied to the earth.
        """
        if self._ellipsoid is None or len(placed) == 0:
            return np.full(len(placed), np.nan), np.full(len(placed), np.nan)
        geod, to_degrees = self._ellipsoid
        located = shapely.transform(placed, to_degrees.transform, interleaved=False)
        # Some projections mirror; the geodesic sum subtracts holes only if they run the other way.
        _, vertices, (rings, polygons, *several) = shapely.to_ragged_array(shapely.orient_polygons(located))
        x, y = np.ascontiguousarray(vertices.T)
        # Ring by ring out of one array: making a sequence of coordinates for each ring takes longer than measuring it.
        measured = [geod.polygon_area_perimeter(x[start:end], y[start:end]) for start, end in pairwise(rings)]
        first_ring = polygons[several[0]] if several else polygons
        area, perimeter = np.add.reduceat(measured, first_ring[:-1]).T
        return np.abs(area), perimeter


class InventoryWriter:
    """Writes landslides and the analysed area as they come, so that their number doesn't matter to memory.

    A GeoPackage holds the layers ``landslides`` and ``analysed`` and the provenance; the other formats hold
    the landslides alone. GeoJSON comes in longitude and latitude with seven digits (RFC 7946).

    Args:
        path: File to write, in the format of its ending.
        ground: Where the scene's pixels lie.
        shaping: What is done to the polygons.
        scene: Name of the scene.
        model: Model id.
        resolution_m: Metres per pixel that the network has seen, if known.
        multi: Whether landslides may have several parts (connectivity 8).
        spread: Whether landslides have the attribute ``prob_spread``: with test-time augmentation alone.
        provenance: What the file carries about its making.

    Attributes:
        count: Landslides so far.
        area_m2: Their area together; NaN where unknown.
        analysed_m2: Analysed area; NaN where unknown.
        bounds: West, south, east, north of the landslides so far in WGS 84 degrees, or None.
    """

    def __init__(
        self, path: Path, *, ground: Ground, shaping: Shaping, scene: str, model: str,
        resolution_m: float | None, multi: bool, provenance: dict[str, str], spread: bool = False,
    ) -> None:  # fmt: skip
        self.count = 0
        self.area_m2 = 0.0
        self.analysed_m2 = 0.0
        self.bounds: tuple[float, float, float, float] | None = None
        self._path = path
        self._ground = ground
        self._shaping = shaping
        self._names = {"scene": scene, "model": model}
        self._resolution_m = resolution_m
        self._kind = {"landslides": "MultiPolygon" if multi else "Polygon", "analysed": "Polygon"}
        # Formats that can't be appended to are made from a GeoPackage at the end.
        self._spool = path.with_suffix(".gpkg")
        nothing, none = np.zeros(0), np.empty(0, dtype=object)
        self._spread = spread
        # 1.2 is read by every QGIS and ArcGIS in use.
        self._append("landslides", self._landslides(none, nothing, nothing, nothing > 0, nothing), mode="w",
                     VERSION="1.2", dataset_metadata=provenance)  # fmt: skip
        self._append("analysed", self._analysed(none))

    def add(
        self, pixels: Geometries, prob_mean: NDArray[np.float64], prob_max: NDArray[np.float64],
        cut: NDArray[np.bool_], prob_spread: NDArray[np.float64] | None = None,
    ) -> None:  # fmt: skip
        """Add landslides in pixel coordinates; ``id`` counts from 1 in their order."""
        frame = self._landslides(pixels, prob_mean, prob_max, cut, prob_spread)
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
        """Bring the file into its final format."""
        suffix = self._path.suffix.lower()
        if suffix == ".gpkg":
            return
        options = {".shp": {"ENCODING": "UTF-8"}}.get(suffix, {})
        if suffix in (".geojson", ".json") and self._ground.crs:
            options = {"RFC7946": "YES"}
        fields = [name for name in LANDSLIDE_FIELDS if self._spread or name != "prob_spread"]
        names = [SHORT_NAMES.get(name, name) for name in fields] if suffix == ".shp" else fields
        renamed = ", ".join(f'"{old}" AS "{new}"' for old, new in zip(fields, names, strict=True))
        sql = f"SELECT {renamed}, geom FROM landslides ORDER BY id"
        with pyogrio.open_arrow(self._spool, sql=sql, use_pyarrow=False) as (meta, stream):
            pyogrio.write_arrow(
                stream, self._path, driver=DRIVERS[suffix], geometry_name=meta["geometry_name"] or "geom",
                geometry_type=self._kind["landslides"], crs=meta["crs"], **options,
            )  # fmt: skip
        self._spool.unlink()

    def _landslides(
        self, pixels: Geometries, prob_mean: NDArray[np.float64], prob_max: NDArray[np.float64],
        cut: NDArray[np.bool_], prob_spread: NDArray[np.float64] | None,
    ) -> geopandas.GeoDataFrame:  # fmt: skip
        keep, placed, area, perimeter = shaped(pixels, self._ground, self._shaping)
        columns = {
            "id": np.arange(self.count + 1, self.count + 1 + len(placed), dtype=np.int64),
            "area_m2": np.round(area, 2),
            "perimeter_m": np.round(perimeter, 2),
            "prob_mean": np.round(prob_mean[keep], 4),
            "prob_max": np.round(prob_max[keep], 4),
            **({"prob_spread": np.round(prob_spread[keep], 4)} if self._spread and prob_spread is not None else {}),
            "cut": cut[keep].astype(bool),
            "scene": _repeated(self._names["scene"], len(placed)),
            "model": _repeated(self._names["model"], len(placed)),
        }
        return self._frame(columns, placed)

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


def shaped(
    pixels: Geometries, ground: Ground, shaping: Shaping
) -> tuple[NDArray[np.bool_], Geometries, NDArray[np.float64], NDArray[np.float64]]:
    """Drop, fill and simplify.

    Without metres (no CRS) polygons stay as they are.

    Returns:
        ``(keep, placed, area_m2, perimeter_m)``: which of ``pixels`` stay, and those in the scene's CRS.
    """
    placed = ground.place(pixels)
    area, perimeter = ground.measure(placed)
    keep = ~(area < shaping.min_area_m2)
    if not ground.pixel_m or not (shaping.fill_holes_m2 or shaping.simplify_m):
        return keep, placed[keep], area[keep], perimeter[keep]
    filled = fill_holes(pixels[keep], ground, shaping.fill_holes_m2)
    placed = ground.place(simplify(filled, shaping.simplify_m / math.sqrt(math.prod(ground.pixel_m))))
    return keep, placed, *ground.measure(placed)


def fill_holes(pixels: Geometries, ground: Ground, largest_m2: float) -> Geometries:
    """Fill the holes of at most ``largest_m2``, measured on the ellipsoid."""

    def filled(polygon: Any) -> Any:
        if isinstance(polygon, shapely.MultiPolygon):
            return shapely.MultiPolygon([filled(part) for part in polygon.geoms])
        if not polygon.interiors:
            return polygon
        holes = np.array([shapely.Polygon(ring) for ring in polygon.interiors], dtype=object)
        area, _ = ground.measure(ground.place(holes))
        kept = [ring for ring, m2 in zip(polygon.interiors, area, strict=True) if m2 > largest_m2]
        return shapely.Polygon(polygon.exterior, kept)

    return _objects([filled(polygon) for polygon in pixels])


def simplify(pixels: Geometries, tolerance_px: float) -> Geometries:
    """Douglas-Peucker in pixel coordinates; polygons stay valid, and none vanishes."""
    if tolerance_px == 0:
        return pixels
    simple = shapely.simplify(pixels, tolerance_px, preserve_topology=True)
    usable = shapely.is_valid(simple) & (shapely.area(simple) > 0)
    return _objects(np.where(usable, simple, pixels))


def _objects(values: Any) -> Geometries:
    """An object array, also of nothing."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _repeated(text: str, count: int) -> pd.Series:
    return pd.Series([text] * count, dtype="str")
