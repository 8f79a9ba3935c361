"""Adding tiles up to finished strips of the mosaic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.windows import Window

from landslide_cli.errors import PredictionError
from landslide_cli.mosaic.encoding import SPREAD_STEP, STEPS, quantise
from landslide_cli.tiling.bands import Band
from landslide_cli.tiling.grid import Grid, Tile
from landslide_cli.tiling.resampling import Outward, Scaling
from landslide_cli.typing import Bools, Bytes, Float32


@dataclass(frozen=True, slots=True)
class Strip:
    """Full-width rows of the mosaic that are finished.

    ``stored`` is uint8, shape ``(rows, width)``: 0 … 254 for probability 0 … 1, 255 where no pixel is valid.
    ``spread`` is of the same kind, 0 … 254 for 0 … 0.5; None where only one view was asked for.
    """

    top: int
    stored: Bytes
    spread: Bytes | None = None

    def window(self) -> Window:
        """Where the strip lies in the scene."""
        return Window(0, self.top, self.stored.shape[1], self.stored.shape[0])


@dataclass(frozen=True, slots=True)
class Validity:
    """Which pixels are valid in full-width rows of the scene, eight of them in a byte.

    Attributes:
        packed: uint8, shape ``(rows, ceil(width / 8))``, as ``numpy.packbits(…, axis=1)`` gives it.
        width: Columns of the scene.
    """

    packed: Bytes
    width: int

    @classmethod
    def of(cls, valid: Bools) -> Validity:
        """Pack a bool array of shape ``(rows, width)``, True where a pixel is valid."""
        return cls(np.packbits(valid, axis=1), valid.shape[1])

    def rows(self, first: int, stop: int) -> Bools:
        """The same for some of the rows, counted from the first one here: bool, shape ``(stop - first, width)``."""
        return np.unpackbits(self.packed[first:stop], axis=1, count=self.width).view(bool)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's answer for a tile.

    Attributes:
        tile: The tile.
        probability: Over its window, float32, shape ``(height, width)``, or ``(2, height, width)`` with the spread: a
            numpy array, or a torch tensor on any device, where it is blended then. None where the network wasn't asked.
        valid: Asked for with the last tile of a row alone: which pixels are valid in the rows of the scene that are
            complete with it. None where all are.
    """

    tile: Tile
    probability: Any
    valid: Validity | None = None


def blend(
    predictions: Iterable[Prediction],
    grid: Grid,
    *,
    scene: tuple[Scaling, Scaling] | None = None,
    spread: bool = False,
    band: Band | None = None,
) -> Iterator[Strip]:
    """Add tiles up, and give each row away once no further tile adds to it.

    Args:
        predictions: Of the tiles of the grid, or of the windows of the band, row by row.
        grid: The grid of the tiles.
        scene: How the scene's rows and columns are seen in the grid; as they are by default.
        spread: Whether predictions have the spread as well; it is blended as the probability is.
        band: The part of the grid that is wanted; all of it by default.

    Raises:
        PredictionError: a prediction isn't finite somewhere in the scene; it would be stored as no landslide.

    Yields:
        Strips from top to bottom that cover the scene, or the band, without gaps, of ``PIXELS_AT_ONCE`` at most, or one
        row.
    """
    rows, cols = scene or (Scaling(grid.rows.length, grid.rows.length), Scaling(grid.cols.length, grid.cols.length))
    total = Sums(1 + spread, grid.rows.size, cols.seen)
    band = band or Band(grid.rows, rows, 0, grid.rows.count)
    outward, top = Outward(rows, cols, band.top), band.top
    done = grid.rows.start(band.windows[0])
    for one in predictions:
        tile = one.tile
        if one.probability is not None:
            total.add(tile, one.probability)
        if tile.col < grid.cols.count - 1:
            continue
        settled = grid.rows.settled(tile.row)
        first = top
        # Rows above the band's lack windows of the band before.
        complete = total.upper(settled - done)[:, max(0, band.seen_top - done) :]
        for part in outward.feed(complete) if complete.shape[1] else ():
            stop = top + part.shape[1]
            yield _strip(part, top, None if one.valid is None else one.valid.rows(top - first, stop - first))
            top = stop
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
        down: Any = tile.row_blend
        across: Any = tile.col_blend
        if not isinstance(probability, np.ndarray):
            down, across = probability.new_tensor(down), probability.new_tensor(across)
        blend = down[:, None] * across
        self._total[:, :height, left : left + width] += probability[..., :height, :width] * blend

    def upper(self, rows: int) -> Float32:
        """The uppermost, finished rows, shape ``(layers, rows, width)``; to be used before they are dropped."""
        if self._total is None:
            return np.zeros((self._shape[0], rows, self._shape[2]), dtype=np.float32)
        done = self._total[:, :rows]
        upper: Float32 = done if isinstance(done, np.ndarray) else done.cpu().numpy()
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


def _strip(part: Float32, top: int, valid: Bools | None) -> Strip:
    finite = np.isfinite(part).all(axis=0)
    if not finite.all():
        row, col = (int(places[0]) for places in np.nonzero(~finite))
        raise PredictionError(
            f"the network gave NaN or infinity in the window at row {top + row}, column {col} of the scene; that is no "
            "answer: the weights are damaged, or the precision is too low for them (--precision float32)"
        )
    probability, *spread = part
    apart = quantise(spread[0] / (STEPS * SPREAD_STEP), valid) if spread else None
    return Strip(top, quantise(probability, valid), apart)
