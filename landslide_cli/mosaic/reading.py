"""Probability rasters back to strips, as if the network had just given them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landslide_cli.errors import ProbabilityError
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.encoding import NODATA, SPREAD_STEP, STEPS, quantise
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.opening import opened
from landslide_cli.scene.placing import ground_of
from landslide_cli.scene.remote import reaching, reason_of, remedy
from landslide_cli.scene.scene import Scene, name_of
from landslide_cli.typing import Bytes, OnProgress

ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Mosaic:
    """An open probability raster and what goes with it.

    Attributes:
        src: Stored probability as `detect` writes it, or floating-point numbers from 0 to 1.
        spread: Stored spread, or None.
        ground: Where its pixels lie.
    """

    src: DatasetReader
    spread: DatasetReader | None
    ground: Ground

    @property
    def name(self) -> str:
        """File name without its folder."""
        return Path(name_of(self.src)).name

    @property
    def tags(self) -> dict[str, str]:
        """The tags that say how the raster was made."""
        return {name: value for name, value in self.src.tags().items() if name.startswith("LANDSLIDE_")}

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.src.height)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.src.width)

    def strips(self, on_rows: OnProgress | None = None) -> Iterator[Strip]:
        """All rows from top to bottom.

        Args:
            on_rows: Called after each strip with the pixels done and in all.

        Raises:
            ProbabilityError: the file can't be read to its end, or holds values that are no probability.
        """
        for top in range(0, self.height, ROWS_AT_ONCE):
            stop = min(top + ROWS_AT_ONCE, self.height)
            spread = None if self.spread is None else _read(self.spread, Window(0, top, self.width, stop - top))
            yield Strip(top, self.rows(top, stop), spread)
            if on_rows:
                on_rows(stop * self.width, self.height * self.width)

    def rows(self, first: int, stop: int) -> Bytes:
        """Stored probabilities of full-width rows, shape ``(stop - first, width)``.

        Raises:
            ProbabilityError: see `strips`.
        """
        return self.window(Window(0, first, self.width, stop - first))

    def window(self, window: Window) -> Bytes:
        """Stored probabilities of a window inside of the raster, shape ``(height, width)``.

        Raises:
            ProbabilityError: see `strips`.
        """
        values = _read(self.src, window)
        return values if values.dtype == np.uint8 else self._quantised(values)

    def misfit(self, scene: Scene) -> str:
        """Why the raster isn't one of a scene, as the predicate of a sentence; empty if it is on the scene's grid."""
        if (self.height, self.width) != (scene.height, scene.width):
            return f"is {self.width} x {self.height} pixels, {scene.name} is {scene.width} x {scene.height}"
        if not self.src.transform.almost_equals(scene.transform) or self.src.crs != scene.crs:
            return f"lies elsewhere than {scene.name} or in another CRS"
        return ""

    def _quantised(self, probability: NDArray[Any]) -> Bytes:
        valid = np.isfinite(probability)
        if self.src.nodata is not None:
            valid &= probability != self.src.nodata
        probability = np.where(valid, probability, 0).astype(np.float32)
        if probability.min() < 0 or probability.max() > 1:
            raise ProbabilityError(
                f"{self.src.name} holds values from {probability.min():g} to {probability.max():g}, "
                "but probabilities lie between 0 and 1; scale them with gdal_calc.py"
            )
        return quantise(probability, valid)


def is_probability(path: str | Path, *, remote: bool = False) -> bool:
    """Whether a file is a probability raster; False of what can't be opened, which is told where it is read.

    Args:
        path: The file.
        remote: See `landslide_cli.scene.opening.opened`.
    """
    try:
        with _open(path, remote=remote) as src:
            return _is_probability(src)
    except ProbabilityError:
        return False


def _is_probability(src: DatasetReader) -> bool:
    return _is_stored(src, 1 / STEPS) or (src.count == 1 and src.dtypes[0].startswith("float"))


@contextmanager
def open_mosaic(path: str | Path, *, spread: str | Path | None = None, cache_bytes: int = 0) -> Iterator[Mosaic]:
    """Open a probability raster and the spread raster of the same run, if it is wanted.

    Args:
        path: Probability raster.
        spread: Spread raster.
        cache_bytes: Block cache that other rasters, read meanwhile, need as well.

    Raises:
        ProbabilityError: a raster isn't of its kind, or they don't fit.
    """
    with reaching(path, spread), ExitStack() as stack:
        src = stack.enter_context(_open(path))
        if not _is_probability(src):
            raise ProbabilityError(
                f"{path} is no probability raster; give one that landslide detect --probability has written, "
                "or one band of floating-point numbers from 0 to 1"
            )
        apart = None
        if spread is not None:
            apart = stack.enter_context(_open(spread))
            if not _is_stored(apart, SPREAD_STEP) or (apart.shape, apart.transform) != (src.shape, src.transform):
                raise ProbabilityError(
                    f"{spread} is not the spread raster of {path}; give the one that landslide detect --spread "
                    "has written in the same run"
                )
        # Each block is decoded once; GDAL's own default, a share of the machine's memory, would grow with the raster.
        rows = max(ROWS_AT_ONCE, src.block_shapes[0][0])
        block_row = rows * src.width * np.dtype(src.dtypes[0]).itemsize
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=cache_bytes + (2 + (apart is not None)) * block_row))
        yield Mosaic(src, apart, ground_of(src))


@contextmanager
def _open(path: str | Path, *, remote: bool = False) -> Iterator[DatasetReader]:
    with ExitStack() as stack:
        try:
            src = stack.enter_context(opened(path, remote=remote))
        except (RasterioError, ValueError) as error:
            do = remedy(str(path), str(error), "give one that landslide detect has written")
            raise ProbabilityError(f"{path} can't be opened as a raster: {error}; {do}") from error
        yield src


def _is_stored(src: DatasetReader, scale: float) -> bool:
    # Masks, rasters of the other kind and photographs are uint8 as well; the scale tells them apart.
    kind = (src.count, src.dtypes[0], src.nodata)
    return kind == (1, "uint8", NODATA) and abs(src.scales[0] - scale) < 1e-6


def _read(src: DatasetReader, window: Window) -> NDArray[Any]:
    try:
        return src.read(1, window=window)
    except RasterioIOError as error:
        raise ProbabilityError(
            f"{src.name} can't be read at row {int(window.row_off)}: {reason_of(error, src.name)}"
        ) from error
