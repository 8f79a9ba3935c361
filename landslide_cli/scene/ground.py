"""From pixels of one raster to places, metres and directions on the earth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from affine import Affine
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from landslide_cli.typing import Float64, Geometries

if TYPE_CHECKING:
    pass

WestSouthEastNorth = tuple[float, float, float, float]


@dataclass(frozen=True)
class Ground:
    """Where the pixels of a raster lie, and how large they are there.

    Attributes:
        transform: Pixel to map.
        crs: Coordinate reference system, or None.
        pixel_m: Metres per pixel down and across at the raster's centre, None where unknown.
        unit_m: Metres of a map unit in a local CRS, whose plane isn't tied to the earth; None in every other.
    """

    transform: Affine
    crs: CRS | None
    pixel_m: tuple[float, float] | None = None
    unit_m: float | None = None

    @property
    def resolution_m(self) -> float | None:
        """Metres per pixel at the centre: the geometric mean of both directions."""
        return math.sqrt(self.pixel_m[0] * self.pixel_m[1]) if self.pixel_m else None

    @cached_property
    def _ellipsoid(self) -> tuple[pyproj.Geod, pyproj.Transformer] | None:
        """The ellipsoid of the CRS and the way to its degrees: made once, measured by for every polygon."""
        crs = pyproj.CRS.from_user_input(self.crs) if self.crs else None
        geod = crs.get_geod() if crs else None
        if crs is None or geod is None or crs.geodetic_crs is None:
            return None
        return geod, pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    @property
    def on_earth(self) -> bool:
        """Whether places lie on an ellipsoid, be it that of another planet."""
        return self._ellipsoid is not None

    @property
    def measurable(self) -> bool:
        """Whether anything can be measured in metres."""
        return self.on_earth or self.unit_m is not None

    @cached_property
    def _to_wgs84(self) -> pyproj.Transformer | None:
        """The way to longitude and latitude on the Earth; None from a local CRS and from other planets."""
        if not self.on_earth:
            return None
        try:
            return pyproj.Transformer.from_crs(pyproj.CRS.from_user_input(self.crs).to_2d(), 4326, always_xy=True)
        except ProjError:
            return None

    @property
    def has_longitude(self) -> bool:
        """Whether longitude and latitude on the Earth can be told."""
        return self._to_wgs84 is not None

    def place(self, pixels: Geometries) -> Geometries:
        """Pixel coordinates to the raster's CRS; outer rings run counter-clockwise."""
        placed = shapely.transform(pixels, lambda x, y: self.transform @ (x, y), interleaved=False)
        oriented: Geometries = shapely.orient_polygons(placed)
        return oriented

    def measure(self, placed: Geometries) -> tuple[Float64, Float64]:
        """Geodesic area in m² and perimeter in m (holes included), shape ``(n,)``, of polygons in the raster's CRS.

        Karney 2013, "Algorithms for geodesics", Journal of Geodesy 87, section 6, on the ellipsoid of
        the CRS; in the plane of a local CRS. NaN without a CRS.
        """
        if self.unit_m is not None:
            return shapely.area(placed) * self.unit_m**2, shapely.length(placed) * self.unit_m
        if self._ellipsoid is None or len(placed) == 0:
            return np.full(len(placed), np.nan), np.full(len(placed), np.nan)
        geod, to_degrees = self._ellipsoid
        corners, polygon = shapely.get_coordinates(placed, return_index=True)
        longitude, latitude = to_degrees.transform(*corners.T)
        # Across the antimeridian longitudes jump by 360 degrees, and the sense of a ring is lost.
        longitude = beside(longitude, longitude[np.flatnonzero(np.diff(polygon, prepend=-1))][polygon])
        located = shapely.set_coordinates(placed.copy(), np.stack([longitude, latitude], axis=1))
        # Some projections mirror; the geodesic sum subtracts holes only if they run the other way.
        _, vertices, (rings, polygons, *several) = shapely.to_ragged_array(shapely.orient_polygons(located))
        x, y = np.ascontiguousarray(vertices.T)
        # Ring by ring: of polygons, pyproj leaves holes out of the perimeter. Slices of one array, since making
        # coordinates of each ring takes longer than measuring it.
        measured = [geod.polygon_area_perimeter(x[start:end], y[start:end]) for start, end in pairwise(rings)]
        first_ring = polygons[several[0]] if several else polygons
        area, perimeter = np.add.reduceat(np.array(measured, dtype=np.float64), first_ring[:-1]).T
        return np.abs(area), perimeter

    def longitude_latitude(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """WGS 84 degrees of ``(n,)`` places in the raster's CRS, longitude from -180 to 180; NaN where unknown."""
        if self._to_wgs84 is None:
            return np.full(len(x), np.nan), np.full(len(x), np.nan)
        longitude, latitude = (np.where(np.isfinite(v), v, np.nan) for v in self._to_wgs84.transform(x, y))
        return beside(longitude, np.zeros(len(x))), latitude

    def offsets(self, origin: Float64, places: Float64) -> Float64:
        """Metres to the east and to the north from origins to places, both of shape ``(n, 2)`` in the raster's CRS.

        They are geodesic distance and azimuth at the origin, so each origin has an azimuthal equidistant plane of
        its own. NaN where that can't be told.
        """
        if self.unit_m is not None:
            plane: Float64 = (places - origin) * self.unit_m
            return plane
        if self._ellipsoid is None:
            return np.full((len(places), 2), np.nan)
        geod, to_degrees = self._ellipsoid
        here, there = (np.stack(to_degrees.transform(*points.T), axis=1) for points in (origin, places))
        known = np.isfinite(here).all(axis=1) & np.isfinite(there).all(axis=1)
        azimuth, _, metres = geod.inv(*here[known].T, *there[known].T)
        found = np.full((len(places), 2), np.nan)
        found[known] = np.stack([metres * np.sin(np.radians(azimuth)), metres * np.cos(np.radians(azimuth))], axis=1)
        return found

    def steps(self, pixels: Float64) -> Float64:
        """Metres that one pixel across and one pixel down are long, at places in pixel coordinates.

        Args:
            pixels: Columns and rows, shape ``(n, 2)``.

        Returns:
            Shape ``(n, 2, 2)``: for the step across, then for the step down, metres to the east and to the north.
        """
        origin = self._mapped(pixels)
        along = [self.offsets(origin, self._mapped(pixels + step)) for step in ((1.0, 0.0), (0.0, 1.0))]
        return np.stack(along, axis=1)

    def _mapped(self, pixels: Float64) -> Float64:
        x, y = pixels.T
        mapped: Float64 = np.stack(self.transform @ (x, y), axis=1)
        return mapped


def beside(longitude: Float64, centre: Float64) -> Float64:
    """The same longitudes, shape ``(n,)``, at most 180 degrees away from ``centre``."""
    with np.errstate(invalid="ignore"):  # what can't be projected is infinite
        turned = (longitude - centre + 180) % 360 - 180 + centre
        around: Float64 = np.where(np.abs(longitude - centre) <= 180, longitude, turned)
    return around


@dataclass(slots=True)
class Bounds:
    """The bounds of places that come bit by bit.

    Longitudes are unrolled to within half a turn of the first one, so places must not lie further apart.
    """

    _found: WestSouthEastNorth | None = None
    _first: float | None = None

    def add(self, longitude: Float64, latitude: Float64) -> None:
        """Add ``(n,)`` places in degrees; those that are NaN are left out."""
        known = np.isfinite(longitude) & np.isfinite(latitude)
        if not known.any():
            return
        longitude, latitude = longitude[known], latitude[known]
        if self._first is None:
            self._first = float(longitude[0])
        around = beside(longitude, np.full(len(longitude), self._first))
        west, south, east, north = (float(v) for v in (around.min(), latitude.min(), around.max(), latitude.max()))
        if self._found:
            was = self._found
            west, south, east, north = min(west, was[0]), min(south, was[1]), max(east, was[2]), max(north, was[3])
        self._found = west, south, east, north

    @property
    def degrees(self) -> WestSouthEastNorth | None:
        """West, south, east, north; None of nothing.

        Across the antimeridian west is larger than east (RFC 7946, section 5.2).
        """
        if self._found is None:
            return None
        west, south, east, north = self._found
        if east - west >= 360:
            return -180.0, south, 180.0, north
        west, east = beside(np.array([west, east]), np.zeros(2)).tolist()
        return west, south, east, north


def ground_resolution(crs: pyproj.CRS, transform: Affine, height: int, width: int) -> tuple[float, float] | None:
    """Metres per pixel ``(down, across)`` at the centre of a raster, along the ellipsoid.

    Works for degrees, feet and projections that stretch, such as Web Mercator, alike. None where the
    CRS isn't tied to the earth or the centre doesn't lie in its area.
    """
    geodetic, geod = crs.geodetic_crs, crs.get_geod()
    if geodetic is None or geod is None:
        return None
    row, col = height / 2, width / 2
    corners = [transform @ (col, row), transform @ (col, row + 1), transform @ (col + 1, row)]
    to_degrees = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    xs, ys = zip(*corners, strict=True)
    longitude, latitude = to_degrees.transform(xs, ys)
    if not np.isfinite([*longitude, *latitude]).all():
        return None
    _, _, metres = geod.inv([longitude[0]] * 2, [latitude[0]] * 2, longitude[1:], latitude[1:])
    return float(metres[0]), float(metres[1])
