"""Adding weighted tiles up to finished strips, and the rasters made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landslide_cli.mosaic.encoding import SPREAD_STEP, STEPS, quantise
from landslide_cli.tiling.grid import Grid, Tile
from landslide_cli.tiling.resampling import Outward, Scaling

Floats = NDArray[np.float32]
Bits = NDArray[np.uint8]


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
