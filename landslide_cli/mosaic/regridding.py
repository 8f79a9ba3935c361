"""A probability raster as another scene's pixels see it: on their grid, with the highest value nearby."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyproj
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT

from landslide_cli.errors import ProbabilityError
from landslide_cli.files.belonging import leaving_no_traces
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.mosaic.reading import Mosaic, open_mosaic
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.placing import way_between
from landslide_cli.typing import Bytes

# Two images of one place rarely lie on each other better than that.
SHIFT_PX = 3


class Regridded:
    """Gives the rows of a probability raster on another grid, once and in their order.

    The raster is interpolated linearly between its pixels' centres, by a triangle as wide as the coarser pixels. Each
    value is then the highest of a rectangle around it. What isn't known stays unknown, and counts for nothing nearby.

    Args:
        mosaic: The raster, warped onto the grid.
        reach: Pixels of the grid, down and across, that the rectangle reaches to each side.
        shift_m: The same in metres, for those who tell of it.
        tags: How the raster was made.

    Attributes:
        shift_m: As given.
        tags: How the raster was made.
    """

    def __init__(self, mosaic: Mosaic, reach: tuple[int, int], shift_m: float, tags: dict[str, str]) -> None:
        self.shift_m, self.tags = shift_m, tags
        self._mosaic = mosaic
        self._down, self._across = reach
        # Rows from ``first`` on with the highest of each row nearby; one is added, so that 0 is nothing known.
        self._first = 0
        self._highest: Bytes = np.zeros((0, mosaic.width), dtype=np.uint8)
        self._known = np.zeros((0, mosaic.width), dtype=bool)

    def rows(self, top: int, stop: int) -> Bytes:
        """Stored values, uint8, of shape ``(stop - top, width)``; 255 where nothing is known.

        Rows above ``top`` can't be asked for any more.

        Raises:
            ProbabilityError: the raster can't be read there, or holds values that are no probability.
        """
        first = max(0, top - self._down)
        self._highest, self._known = self._highest[first - self._first :], self._known[first - self._first :]
        self._first = first
        self._read(first + len(self._highest), min(stop + self._down, self._mosaic.height))
        here = slice(top - first, stop - first)
        nearby = _highest(self._highest, self._down)[here]
        return np.where(self._known[here], nearby - np.uint8(1), np.uint8(NODATA))

    def _read(self, first: int, stop: int) -> None:
        if first >= stop:
            return
        raised = self._mosaic.rows(first, stop) + np.uint8(1)  # 255 becomes 0
        known = raised > 0
        raised = _highest(raised.T, self._across).T
        self._highest = np.concatenate([self._highest, raised])
        self._known = np.concatenate([self._known, known])


def _highest(rows: Bytes, reach: int) -> Bytes:
    """The highest of each column among so many rows above and below, of the same shape.

    In steps that double: twenty times as quick as the filter of scipy, which makes doubles of bytes.
    """
    if reach == 0:
        return rows
    nothing = np.zeros((reach, rows.shape[1]), dtype=np.uint8)
    found, seen, wanted = np.concatenate([nothing, rows, nothing]), 1, 2 * reach + 1
    while 2 * seen <= wanted:
        found, seen = np.maximum(found[:-seen], found[seen:]), 2 * seen
    rest = wanted - seen
    return np.maximum(found[: len(rows)], found[rest : rest + len(rows)])


@contextmanager
def regridded(
    path: str | Path, ground: Ground, size: tuple[int, int], *, shift_m: float | None = None, cache_bytes: int = 0
) -> Iterator[Regridded]:
    """Open a probability raster, in any CRS and resolution, on the grid of a scene.

    Args:
        path: What `landslide_cli.detect` has written, or one band of floating-point numbers from 0 to 1.
        ground: Where the scene's pixels lie.
        size: The scene's rows and columns.
        shift_m: Metres by which the two may lie beside each other; by default three pixels of the coarser one.
        cache_bytes: Block cache that other rasters, read meanwhile, need as well.

    Raises:
        ProbabilityError: it is no such raster.
        SceneError: the two can't be laid over each other.
    """
    height, width = size
    cache = cache_bytes + 4 * 512 * width
    with leaving_no_traces([path]), open_mosaic(path, cache_bytes=cache) as mosaic:
        way_between(ground, mosaic.ground, mosaic.name)
        shift_m = default_shift_m(mosaic.ground, ground) if shift_m is None else shift_m
        nodata = mosaic.src.nodata
        if nodata is None and mosaic.src.dtypes[0] != "uint8":
            nodata = math.nan
        try:
            with WarpedVRT(
                mosaic.src, src_crs=_flat(mosaic.ground.crs), src_nodata=nodata, crs=_flat(ground.crs),
                transform=ground.transform, width=width, height=height, nodata=nodata, add_alpha=False,
                resampling=Resampling.bilinear, **_scales(mosaic.ground, ground),
            ) as warped:  # fmt: skip
                onto = replace(mosaic, src=warped, ground=ground)
                yield Regridded(onto, _reach(ground, shift_m), shift_m, mosaic.tags)
        except RasterioError as error:
            raise ProbabilityError(
                f"{path} can't be laid over the scene: {error}; give one of the same region"
            ) from error


def default_shift_m(one: Ground, other: Ground) -> float:
    """Three pixels of the coarser of two rasters, in metres."""
    return SHIFT_PX * max(one.resolution_m or 0.0, other.resolution_m or 0.0)


def _reach(ground: Ground, shift_m: float) -> tuple[int, int]:
    down, across = (math.ceil(shift_m / metres - 1e-6) for metres in ground.pixel_m or (math.inf, math.inf))
    return down, across


def _scales(there: Ground, here: Ground) -> dict[str, str]:
    """Pixels here for each one there, for GDAL, whose own guess differs from block to block where a grid is turned."""
    share = min(1.0, (there.resolution_m or 1.0) / (here.resolution_m or 1.0))
    return {"XSCALE": f"{share:.9g}", "YSCALE": f"{share:.9g}"}


def _flat(crs: CRS | None) -> CRS:
    assert crs is not None
    known = pyproj.CRS.from_user_input(crs)
    return CRS.from_wkt(known.to_2d().to_wkt()) if len(known.axis_info) > 2 or known.is_compound else crs
