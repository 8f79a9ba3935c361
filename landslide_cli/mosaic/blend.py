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

from landslide_cli.tiling.grid import Grid, Tile
from landslide_cli.tiling.resampling import Outward, Scaling

STEPS = 254  # stored values 0 … 254 mean probabilities 0 … 1
NODATA = 255
Boundary = Literal["pixel", "smooth"]
DEFAULT_BOUNDARY: Boundary = "pixel"
Floats = NDArray[np.float32]
Bits = NDArray[np.uint8]
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
    predictions: Iterable[tuple[Tile, Any, Bits | None]],
    grid: Grid,
    *,
    scene: tuple[Scaling, Scaling] | None = None,
    spread: bool = False,
) -> Iterator[Strip]:
    """Add tiles up, and give each row away once no further tile adds to it.

    Args:
        predictions: For each tile of the grid, row by row: the tile; the probability over its window, a numpy array or
            a torch tensor on any device, where it is blended then (None where the network wasn't asked); and with the
            last tile of a row, which pixels are known in the rows of the scene that are complete then, packed by
            ``numpy.packbits(…, axis=1)``, None for all.
        grid: The grid of the tiles.
        scene: How the scene's rows and columns are seen in the grid; as they are by default.
        spread: Whether predictions have two layers, shape ``(2, height, width)``: probability and spread. Both are
            blended with the same weights.

    Yields:
        Strips from top to bottom that cover the scene without gaps, of ``PIXELS_AT_ONCE`` at most, or one row.
    """
    rows, cols = scene or (Scaling(grid.rows.length, grid.rows.length), Scaling(grid.cols.length, grid.cols.length))
    total = Sums(1 + spread, grid.rows.size, cols.seen)
    outward = Outward(rows, cols)
    done = top = 0
    for tile, probability, known in predictions:
        if probability is not None:
            total.add(tile, probability)
        if tile.col < grid.cols.count - 1:
            continue
        settled = grid.rows.settled(tile.row)
        first = top
        for part in outward.feed(total.upper(settled - done)):
            here = slice(top - first, top - first + part.shape[1])
            yield _strip(part, top, None if known is None else _unpacked(known[here], cols.scene))
            top += part.shape[1]
        total.drop(settled - done)
        done = settled


class Sums:
    """Rows of a mosaic that windows are still added to.

    They stand where the first probability does: on a card, if that is where the network's answers are.

    Args:
        layers: Layers of the mosaic.
        rows: Rows of a window.
        width: Columns of the mosaic.
    """

    def __init__(self, layers: int, rows: int, width: int) -> None:
        self._shape = layers, rows, width
        self._total: Any = None

    def add(self, tile: Tile, probability: Any) -> None:
        """Add a window's probability, shape ``(height, width)`` or ``(layers, height, width)``, where it counts."""
        height, width, left = (int(v) for v in (tile.inside.height, tile.inside.width, tile.inside.col_off))
        if self._total is None:
            self._total = _zeros_beside(probability, self._shape)
        down: Any = tile.row_weights
        across: Any = tile.col_weights
        if not isinstance(probability, np.ndarray):
            down, across = probability.new_tensor(down), probability.new_tensor(across)
        weights = down[:, None] * across
        self._total[:, :height, left : left + width] += probability[..., :height, :width] * weights

    def upper(self, rows: int) -> Floats:
        """The uppermost rows, which are finished, as a numpy array; to be used before they are dropped."""
        if self._total is None:
            return np.zeros((self._shape[0], rows, self._shape[2]), dtype=np.float32)
        done = self._total[:, :rows]
        upper: Floats = done if isinstance(done, np.ndarray) else done.cpu().numpy()
        return upper

    def drop(self, rows: int) -> None:
        """Let those below move up."""
        if self._total is not None:
            rest = self._shape[1] - rows
            below = self._total[:, rows:]
            self._total[:, :rest] = below if isinstance(below, np.ndarray) else below.clone()
            self._total[:, rest:] = 0


def _zeros_beside(probability: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the same kind, in the same place."""
    return np.zeros(shape, dtype=np.float32) if isinstance(probability, np.ndarray) else probability.new_zeros(shape)


def _unpacked(known: Bits, width: int) -> NDArray[np.bool_]:
    return np.unpackbits(known, axis=1, count=width).view(bool)


def _strip(part: Floats, top: int, known: NDArray[np.bool_] | None) -> Strip:
    probability, *spread = part
    apart = quantise(spread[0] / (STEPS * SPREAD_STEP), known) if spread else None
    return Strip(top, quantise(probability, known), apart)


def quantise(probability: Floats, known: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Probabilities to stored values; 255 where ``known`` is False."""
    stored = (probability * STEPS + 0.5).clip(0, STEPS).astype(np.uint8)
    if known is not None:
        stored[~known] = NODATA
    return stored


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
