"""Adding weighted tiles up to finished strips, and the rasters made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.windows import Window

from landslide_cli.tiling import Grid, Tile

STEPS = 254  # stored values 0 … 254 mean probabilities 0 … 1
NODATA = 255
Boundary = Literal["pixel", "smooth"]
DEFAULT_BOUNDARY: Boundary = "pixel"
# Strips are made of about so many pixels at most: windows of fine scenes are thousands of rows high.
PIXELS_AT_ONCE = 1 << 20
SPREAD_STEP = 0.5 / STEPS  # the spread between views is at most 0.5; it is stored in the same 254 steps


@dataclass(frozen=True, slots=True)
class Strip:
    """Full-width rows of the mosaic that are finished.

    ``stored`` is uint8, shape ``(rows, width)``: 0 … 254 for probability 0 … 1, 255 where nothing is known.
    ``spread`` is of the same kind, 0 … 254 for 0 … 0.5; None where only one view was asked for.
    """

    top: int
    stored: NDArray[np.uint8]
    spread: NDArray[np.uint8] | None = None

    def window(self) -> Window:
        """Where the strip lies in the scene."""
        return Window(0, self.top, self.stored.shape[1], self.stored.shape[0])


def stored_threshold(threshold: float) -> int:
    """Smallest stored value that counts as landslide at a threshold between 0 and 1."""
    # 0.5 means 127 and not 128, though 0.5 * 254 may come out a hair above 127.
    return math.ceil(threshold * STEPS - 1e-9)


def outline_level(threshold: float, boundary: Boundary) -> float | None:
    """Stored value that smooth outlines follow: midway between those that just count as landslide and just don't.

    There probabilities were rounded to one or the other. None for outlines of pixels.
    """
    if boundary not in ("pixel", "smooth"):
        raise ValueError(f"boundary must be pixel or smooth, not {boundary}")
    return stored_threshold(threshold) - 0.5 if boundary == "smooth" else None


def blend(
    predictions: Iterable[tuple[Tile, NDArray[np.float32] | None, NDArray[np.bool_]]],
    grid: Grid,
    *,
    spread: bool = False,
) -> Iterator[Strip]:
    """Add tiles up, and give each row away once no further tile adds to it.

    Args:
        predictions: For each tile of the grid, row by row: the tile, the probability over its window
            (None where the network wasn't asked) and what is analysed over ``tile.inside``.
        grid: The grid of the tiles.
        spread: Whether predictions have two layers, shape ``(2, height, width)``: probability and spread. Both are
            blended with the same weights.

    Yields:
        Strips from top to bottom that cover the scene without gaps, of ``PIXELS_AT_ONCE`` at most, or one row.
    """
    width = grid.cols.length
    total = np.zeros((1 + spread, grid.rows.size, width), dtype=np.float32)
    known = np.zeros((grid.rows.size, width), dtype=bool)
    top = 0
    for tile, probability, analysed in predictions:
        inside = (slice(None, int(tile.inside.height)), slice(None, int(tile.inside.width)))
        at = (inside[0], slice(int(tile.inside.col_off), int(tile.inside.col_off + tile.inside.width)))
        if probability is not None:
            total[:, *at] += probability[..., *inside] * tile.weights
        known[at] |= analysed
        if tile.col == grid.cols.count - 1:
            rows = grid.rows.settled(tile.row) - top
            yield from _strips(total[:, :rows], known[:rows], top)
            _roll(total, rows)
            _roll(known, rows)
            top += rows


def _strips(total: NDArray[np.float32], known: NDArray[np.bool_], top: int) -> Iterator[Strip]:
    """Finished rows, which are as many as windows are apart, in parts."""
    height = max(1, PIXELS_AT_ONCE // known.shape[1])
    for first in range(0, len(known), height):
        rows = slice(first, first + height)
        probability, *spread = total[:, rows]
        apart = quantise(spread[0] / (STEPS * SPREAD_STEP), known[rows]) if spread else None
        yield Strip(top + first, quantise(probability, known[rows]), apart)


def quantise(probability: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Probabilities to stored values; 255 where ``known`` is False."""
    stored = (probability * STEPS + 0.5).clip(0, STEPS).astype(np.uint8)
    stored[~known] = NODATA
    return stored


def _roll(rows: NDArray[Any], done: int) -> None:
    """Move what isn't finished to the top and clear the rest."""
    rest = rows.shape[-2] - done
    rows[..., :rest, :] = rows[..., done:, :]
    rows[..., rest:, :] = 0


class RasterWriter:
    """Writes strips one after another into a plain tiled GeoTIFF."""

    def __init__(self, dst: Any) -> None:
        self._dst = dst

    def write(self, top: int, rows: NDArray[np.uint8]) -> None:
        """Write full-width rows from ``top`` on."""
        self._dst.write(rows, 1, window=Window(0, top, rows.shape[1], rows.shape[0]))


@contextmanager
def writing_cog(
    path: Path,
    *,
    height: int,
    width: int,
    transform: Affine,
    crs: CRS | None,
    scale: float,
    description: str,
    tags: dict[str, str],
    overviews: Resampling,
) -> Iterator[RasterWriter]:
    """Write uint8 strips to a Cloud-Optimized GeoTIFF with overviews.

    GDAL's COG driver only copies, so the strips go into a plain GeoTIFF beside ``path`` first, which is compressed
    quickly rather than well.

    Args:
        path: Where the finished file goes.
        height: Rows.
        width: Columns.
        transform: Pixel to map.
        crs: Coordinate reference system, or None.
        scale: What one stored step means; GDAL and QGIS show stored values times this.
        description: Name of the band.
        tags: Provenance.
        overviews: How overviews are resampled.
    """
    plain = path.with_name(path.stem + ".plain.tif")
    profile = {
        "driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8",
        "crs": crs, "transform": transform, "nodata": NODATA,
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1, "bigtiff": "if_safer",
    }  # fmt: skip
    with rasterio.open(plain, "w", **profile) as dst:
        dst.scales, dst.offsets = (scale,), (0.0,)
        dst.set_band_description(1, description)
        dst.update_tags(**tags)
        yield RasterWriter(dst)
    rasterio.shutil.copy(
        plain, path, driver="COG", compress="deflate", predictor="yes", bigtiff="if_safer",
        blocksize=512, overview_resampling=overviews.name, num_threads="all_cpus",
    )  # fmt: skip
    plain.unlink()
