"""The vector output: attributes, layers, formats, provenance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pandas as pd
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
# A shapefile's field names hold ten characters.
SHORT_NAMES = {"perimeter_m": "perim_m"}


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
        crs = pyproj.CRS.from_user_input(self.crs) if self.crs else None
        geod = crs.get_geod() if crs else None
        if crs is None or geod is None or crs.geodetic_crs is None:
            return np.full(len(placed), np.nan), np.full(len(placed), np.nan)
        to_degrees = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        located = shapely.transform(placed, to_degrees.transform, interleaved=False)
        # Some projections mirror; the geodesic sum subtracts holes only if they run the other way.
        measured = [geod.geometry_area_perimeter(polygon) for polygon in shapely.orient_polygons(located)]
        area, perimeter = np.array(measured, dtype=np.float64).reshape(-1, 2).T
        return np.abs(area), perimeter


def landslide_layer(
    pixels: Geometries,
    *,
    ground: Ground,
    shaping: Shaping,
    prob_mean: NDArray[np.float64],
    prob_max: NDArray[np.float64],
    cut: NDArray[np.bool_],
    scene: str,
    model: str,
) -> geopandas.GeoDataFrame:
    """Make the layer ``landslides`` from polygons in pixel coordinates; ``id`` counts from 1 in their order.

    Without metres (no CRS) polygons are kept as they are, and metric fields are null.
    """
    placed = ground.place(pixels)
    area, perimeter = ground.measure(placed)
    keep = ~(area < shaping.min_area_m2)
    if ground.pixel_m and (shaping.fill_holes_m2 or shaping.simplify_m):
        shaped = fill_holes(pixels[keep], ground, shaping.fill_holes_m2)
        placed = ground.place(simplify(shaped, shaping.simplify_m / math.sqrt(math.prod(ground.pixel_m))))
        area, perimeter = ground.measure(placed)
    else:
        placed, area, perimeter = placed[keep], area[keep], perimeter[keep]
    columns = {
        "id": np.arange(1, len(placed) + 1, dtype=np.int64),
        "area_m2": np.round(area, 2),
        "perimeter_m": np.round(perimeter, 2),
        "prob_mean": np.round(prob_mean[keep], 4),
        "prob_max": np.round(prob_max[keep], 4),
        "cut": cut[keep].astype(bool),
        "scene": _repeated(scene, len(placed)),
        "model": _repeated(model, len(placed)),
    }
    return _frame(columns, placed, ground.crs)


def analysed_layer(
    pixels: Geometries, *, ground: Ground, scene: str, resolution_m: float | None
) -> geopandas.GeoDataFrame:
    """Make the layer ``analysed``: outlines of what the network has looked at, and at which resolution."""
    placed = ground.place(pixels)
    columns = {
        "area_m2": np.round(ground.measure(placed)[0], 2),
        "scene": _repeated(scene, len(placed)),
        "resolution_m": np.full(len(placed), np.nan if resolution_m is None else resolution_m),
    }
    return _frame(columns, placed, ground.crs)


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


def _frame(columns: dict[str, Any], geometry: Geometries, crs: CRS | None) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(
        columns, geometry=geopandas.GeoSeries(list(geometry), crs=crs.to_wkt() if crs else None)
    )


def write_inventory(
    path: Path,
    landslides: geopandas.GeoDataFrame,
    analysed: geopandas.GeoDataFrame,
    *,
    provenance: dict[str, str],
) -> None:
    """Write the inventory in the format of the path's ending.

    A GeoPackage holds the layers ``landslides`` and ``analysed`` and the provenance; the other formats
    hold the landslides alone. GeoJSON comes in longitude and latitude with seven digits (RFC 7946).
    """
    suffix = path.suffix.lower()
    if suffix == ".gpkg":
        # 1.2 is read by every QGIS and ArcGIS in use; layers without features keep their type.
        options: dict[str, Any] = {"driver": "GPKG", "engine": "pyogrio", "VERSION": "1.2"}
        _write(landslides, path, layer="landslides", dataset_metadata=provenance, **options)
        _write(analysed, path, layer="analysed", mode="a", driver="GPKG", engine="pyogrio")
    elif suffix in (".geojson", ".json"):
        located = landslides.crs is not None
        frame = landslides.to_crs(4326) if located else landslides
        _write(frame, path, driver="GeoJSON", engine="pyogrio", **({"RFC7946": "YES"} if located else {}))
    elif suffix == ".shp":
        _write(landslides.rename(columns=SHORT_NAMES), path, driver="ESRI Shapefile", engine="pyogrio", ENCODING="UTF-8")
    else:
        _write(landslides, path, driver=DRIVERS[suffix], engine="pyogrio")


def _write(frame: geopandas.GeoDataFrame, path: Path, **options: Any) -> None:
    kinds = set(frame.geom_type)
    frame.to_file(
        path,
        geometry_type="MultiPolygon" if "MultiPolygon" in kinds else "Polygon",
        promote_to_multi="MultiPolygon" in kinds,
        **options,
    )
