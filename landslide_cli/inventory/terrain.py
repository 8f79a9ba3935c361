"""An elevation model opened for a scene, and the height, slope and aspect of polygons by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import shapely
from affine import Affine
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.features import geometry_mask
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landslide_cli.errors import TerrainError, counted
from landslide_cli.inventory.slope import FIELDS, Relief
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.opening import opened
from landslide_cli.scene.placing import way_between
from landslide_cli.scene.remote import reason_of, remedy
from landslide_cli.scene.scene import name_of
from landslide_cli.scene.validity import is_marker
from landslide_cli.typing import Float64, Geometries

PIXELS_AT_ONCE = 1 << 20
CACHE_BYTES = 32 << 20
METRES = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0}
FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us-ft": 1200 / 3937, "us survey foot": 1200 / 3937,
        "ftus": 1200 / 3937, "us_ft": 1200 / 3937, "foot_us": 1200 / 3937, "us-foot": 1200 / 3937}  # fmt: skip
UNITS = METRES | FEET
# Below the deepest trench, and above the highest mountain of any planet.
LOWEST_M, HIGHEST_M = -12_000.0, 25_000.0


@dataclass(frozen=True)
class Terrain:
    """An open elevation model.

    Attributes:
        src: The open raster; its only band holds heights.
        ground: Where its pixels lie.
        to_dem: From the scene's CRS to that of the elevation model.
        height_m: Metres that a height of 1 means.
    """

    src: DatasetReader
    ground: Ground
    to_dem: pyproj.Transformer
    height_m: float

    @property
    def name(self) -> str:
        """File name without its folder."""
        return Path(name_of(self.src)).name

    def measure(self, placed: Geometries) -> dict[str, Float64]:
        """Heights in metres, slopes and aspect in degrees, each of shape ``(n,)``, of polygons in the scene's CRS.

        All are NaN where any pixel of the polygon has no height. A pixel belongs to a polygon that covers its centre;
        a polygon that covers no centre takes all the pixels that it touches.

        Raises:
            TerrainError: the file can't be read there.
        """
        pixels = self.on_dem(placed)
        if len(pixels) == 0:
            return {name: np.zeros(0) for name in FIELDS}
        bounds = shapely.bounds(pixels)
        centres = (bounds[:, :2] + bounds[:, 2:]) / 2
        measured = [
            self._measured(*polygon) for polygon in zip(pixels, bounds, self.ground.steps(centres), strict=True)
        ]
        return dict(zip(FIELDS, np.array(measured).T, strict=True))

    def on_dem(self, placed: Geometries) -> Geometries:
        """Polygons in the scene's CRS in pixel coordinates of the elevation model."""
        inverse = ~self.ground.transform

        def onto(x: Float64, y: Float64) -> tuple[Float64, Float64]:
            x, y = self.to_dem.transform(x, y)
            if self.src.crs.is_geographic:
                middle, _ = self.ground.transform @ (self.src.width / 2, self.src.height / 2)
                x = (x - middle + 180) % 360 - 180 + middle
            return inverse @ (x, y)

        found: Geometries = shapely.transform(placed, onto, interleaved=False)
        return found

    def _measured(self, polygon: Any, bounds: Float64, steps: Float64) -> Sequence[float]:
        size = np.array([self.src.width, self.src.height])
        if not np.isfinite(bounds).all() or (bounds[:2] < -0.5).any() or (bounds[2:] > size + 0.5).any():
            return [np.nan] * len(FIELDS)
        left, top = np.clip(np.floor(bounds[:2]).astype(int), 0, size - 1)
        right, bottom = np.clip(np.ceil(bounds[2:]).astype(int), (left + 1, top + 1), size)
        window = Window(int(left), int(top), int(right - left), int(bottom - top))
        sums = Relief()
        for touched in (False, True):
            for part in _parts(window):
                inside = geometry_mask(
                    [polygon],
                    out_shape=(int(part.height), int(part.width)),
                    transform=Affine.translation(part.col_off, part.row_off),
                    invert=True,
                    all_touched=touched,
                )
                if inside.any():
                    sums.add(self._heights(part), inside, steps)
            if sums.pixels:
                break
        return sums.measured()

    def _heights(self, window: Window) -> Float64:
        """Heights in metres of a window and the pixels around it, NaN where there is none."""
        height, width = int(window.height) + 2, int(window.width) + 2
        top, left = int(window.row_off) - 1, int(window.col_off) - 1
        rows = slice(max(0, top), min(self.src.height, top + height))
        cols = slice(max(0, left), min(self.src.width, left + width))
        try:
            there = self.src.read(1, window=Window.from_slices(rows, cols), masked=True)
        except RasterioIOError as error:
            raise TerrainError(
                f"{self.src.name} can't be read at row {rows.start}, column {cols.start}: "
                f"{reason_of(error, self.src.name)}"
            ) from error
        heights = np.full((height, width), np.nan)
        metres = (there.astype(np.float64) * self.src.scales[0] + self.src.offsets[0]) * self.height_m
        known = metres.filled(np.nan)
        # Voids are often written as numbers that no place has, and the file doesn't say so.
        known[is_marker(there.data) | ~((known >= LOWEST_M) & (known <= HIGHEST_M))] = np.nan
        heights[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left] = known
        return heights


def _parts(window: Window) -> Iterator[Window]:
    """A window in parts of full rows, so that a large landslide on a fine elevation model needs little memory."""
    rows = max(1, PIXELS_AT_ONCE // int(window.width))
    for top in range(0, int(window.height), rows):
        height = min(rows, int(window.height) - top)
        yield Window(window.col_off, window.row_off + top, window.width, height)


@contextmanager
def open_terrain(path: str | Path, *, scene: Ground, size: tuple[int, int]) -> Iterator[Terrain]:
    """Open an elevation model, in any CRS and resolution, for a scene.

    Args:
        path: Any raster of one band that GDAL reads.
        scene: Where the scene lies.
        size: The scene's rows and columns.

    Raises:
        TerrainError: it isn't a raster of heights, it or the scene has no CRS, or they don't meet.
    """
    with ExitStack() as stack:
        try:
            src = stack.enter_context(opened(path))
        except (RasterioError, ValueError) as error:
            do = remedy(str(path), str(error), "give a GeoTIFF or another GDAL raster")
            raise TerrainError(f"--dem {path} can't be opened as a raster: {error}; {do}") from error
        if src.count != 1:
            raise TerrainError(
                f"--dem {path} has {counted(src.count, 'band')}, but one of heights is needed; "
                f"take it out with gdal_translate -b NUMBER {path} dem.tif"
            )
        unit = (src.units[0] or "").lower()
        if unit not in UNITS:
            raise TerrainError(
                f"--dem {path} has heights in {unit!r}, but metres or feet are needed; "
                "convert them with gdal_calc.py and name the unit with gdal_edit.py -units m; if they are in metres "
                "already, that alone is enough"
            )
        ground = Ground(src.transform, src.crs)
        to_dem = way_between(scene, ground, f"--dem {path}", error=TerrainError, both="scene and heights")
        if not ground.on_earth:
            raise TerrainError(
                f"--dem {path} has a local coordinate system; assign the right one (gdal_edit.py -a_srs)"
            )
        terrain = Terrain(src, ground, to_dem, UNITS[unit])
        (meets,) = terrain.on_dem(_outline(scene, size))
        if not shapely.is_valid(meets) or not meets.intersects(shapely.box(0, 0, src.width, src.height)):
            raise TerrainError(f"--dem {path} does not meet the scene; give one of the same region")
        yield terrain


def _outline(scene: Ground, size: tuple[int, int]) -> Geometries:
    height, width = size
    box = shapely.box(0, 0, width, height)
    return scene.place(np.array([shapely.segmentize(box, max(height, width) / 20)], dtype=object))
