"""A raster in the grid of the map, read window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from landslide_cli.errors import SceneError
from landslide_cli.report.frame import Frame
from landslide_cli.scene.opening import opened
from landslide_cli.scene.remote import reason_of
from landslide_cli.typing import Bools

# Rows of the source that are decoded for one read: no more memory for a scene without overviews than for one with.
SOURCE_ROWS = 256
WARP_MB = 96
CACHE_BYTES = 96 << 20


@dataclass(frozen=True, slots=True)
class Warped:
    """An open raster in a grid of the map.

    Attributes:
        width: Columns of the grid.
        height: Its rows.
    """

    width: int
    height: int
    _vrt: WarpedVRT
    _bands: tuple[int, ...]
    _alpha: int
    _step: int

    def read(self, left: int, top: int, width: int, height: int) -> tuple[NDArray[Any], Bools]:
        """Pixels in the raster's own numbers, shape ``(bands, height, width)``, and which of them are valid."""
        windows = (
            Window(left, row, width, min(self._step, top + height - row))
            for row in range(top, top + height, self._step)
        )
        try:
            parts = [self._vrt.read((*self._bands, self._alpha), window=one) for one in windows]
        except RasterioError as error:
            raise SceneError(f"{self._vrt.name} can't be read: {reason_of(error, self._vrt.name)}") from error
        pixels = np.concatenate(parts, axis=1)
        image = pixels[:-1]
        valid = pixels[-1] > 0
        if image.dtype.kind == "f":
            valid &= np.isfinite(image).all(axis=0)
        return image, valid


@contextmanager
def warped(
    path: str | Path, frame: Frame, *, bands: Sequence[int], left: float, top: float, side: float,
    width: int, height: int,
) -> Iterator[Warped]:  # fmt: skip
    """Open a raster of the scene's grid in a grid of the map.

    Args:
        path: The raster. If it has overviews, the one that is just fine enough is read.
        frame: The map.
        bands: Bands to read.
        left: x of the grid's left side, in map units.
        top: y of its top.
        side: Map units in a pixel of the grid.
        width: Columns.
        height: Rows.
    """
    coarser = side / frame.side
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), _reduced(path, coarser) as (src, reduction):
        alpha = [number for number, kind in enumerate(src.colorinterp, start=1) if kind == ColorInterp.alpha]
        place = {}
        if frame.source:
            crs, transform = frame.source
            place = {"src_crs": crs, "src_transform": transform @ Affine.scale(*reduction)}
        with WarpedVRT(
            src, crs=frame.crs, transform=Affine(side, 0, left, 0, -side, top), width=width, height=height,
            resampling=Resampling.bilinear, add_alpha=not alpha, warp_mem_limit=WARP_MB, **place,
        ) as vrt:  # fmt: skip
            step = max(1, int(SOURCE_ROWS * max(reduction) / max(coarser, 1)))
            yield Warped(width, height, vrt, tuple(bands), alpha[0] if alpha else vrt.count, step)


@contextmanager
def _reduced(path: str | Path, coarser: float) -> Iterator[tuple[DatasetReader, tuple[float, float]]]:
    """Open the coarsest overview that isn't coarser than asked for, and tell how many pixels each of its pixels is."""
    with opened(path) as src:
        fine = [level for level, factor in enumerate(src.overviews(1)) if factor <= coarser * 1.01]
        if not fine:
            yield src, (1.0, 1.0)
            return
        width, height = src.width, src.height
    with opened(path, overview=fine[-1]) as src:
        yield src, (width / src.width, height / src.height)
