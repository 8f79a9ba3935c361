"""The grid of windows over a scene and the weights that blend their tiles: integers and cosines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from landslide_cli.typing import Float32, Indices

if TYPE_CHECKING:
    from rasterio.windows import Window

# Of windows of 512. Less leaves seams, more takes more windows for answers that are no better: docs/performance.md.
DEFAULT_OVERLAP = 64


@dataclass(frozen=True)
class Axis:
    """Spans of equal size along one direction of a scene, each sharing pixels with the next.

    Span ``i`` starts at ``i * (size - overlap)``. The last one may reach past the scene. No pixel
    lies in more than two spans, so ``overlap`` is at most half of ``size``.
    """

    length: int
    size: int
    overlap: int

    def __post_init__(self) -> None:
        if self.length < 1 or self.size < 1:
            raise ValueError(f"length and size must be at least 1, not {self.length} and {self.size}")
        if not 0 <= self.overlap <= self.size // 2:
            raise ValueError(f"overlap must lie between 0 and {self.size // 2}, not {self.overlap}")

    @property
    def stride(self) -> int:
        """Pixels from one start to the next."""
        return self.size - self.overlap

    @property
    def count(self) -> int:
        """Number of spans."""
        return 1 + max(0, -(-(self.length - self.size) // self.stride))

    def start(self, index: int) -> int:
        """First pixel of a span."""
        return index * self.stride

    def stop(self, index: int) -> int:
        """One past the last pixel of a span inside the scene."""
        return min(self.start(index) + self.size, self.length)

    def settled(self, index: int) -> int:
        """One past the last pixel to which no span after ``index`` adds."""
        return self.length if index == self.count - 1 else self.start(index + 1)

    def pixels(self, index: int) -> Indices:
        """The scene's pixels that a span shows, mirrored at the scene's edge: shape ``(size,)``."""
        return mirrored(self.start(index), self.size, self.length)

    @cached_property
    def _ramp(self) -> Float32:
        """Rises from near 0 to near 1 over the overlap.

        A squared sine: the least weight lies where a window knows least, at its edge, and the
        mirrored ramp of the neighbour adds up to one.
        """
        position = (np.arange(self.overlap) + 0.5) / max(1, self.overlap)
        return (np.sin(position * np.pi / 2) ** 2).astype(np.float32)

    def share(self, index: int) -> int:
        """Pixels that a span settles; those of all spans add up to the length."""
        return self.settled(index) - self.start(index)

    def blend_weights(self, index: int) -> Float32:
        """Shares of a span in the blend, shape ``(pixels inside the scene,)``; those of all spans sum to one."""
        blend = np.ones(self.size, dtype=np.float32)
        if self.overlap and index > 0:
            blend[: self.overlap] = self._ramp
        if self.overlap and index < self.count - 1:
            blend[-self.overlap :] = 1 - self._ramp
        return blend[: self.stop(index) - self.start(index)]


def fitting_size(height: float, width: float, size: int, step: int = 32) -> int:
    """Side of the windows for a scene of ``height`` × ``width``, all in pixels that the network sees.

    A scene smaller than a window gets a smaller one: filling it up with mirrored copies would cost time and show the
    network, which looks at the whole window, a pattern that no ground has. Sides are multiples of ``step``.
    """
    return min(size, max(2 * step, -(-math.ceil(max(height, width)) // step) * step))


@dataclass(frozen=True)
class Tile:
    """One unit of prediction.

    Attributes:
        row: Row of the tile in the grid.
        col: Column of the tile in the grid.
        window: Pixels that the network sees; may reach past the right and bottom edge.
        inside: The part of ``window`` inside the scene.
        rows: Scene row that each row of ``window`` shows; mirrored where the window leaves the scene.
        cols: The same for columns.
        pixels: Scene pixels that this tile is the last to add to; all tiles together settle the scene.
        row_blend: Blend weights down ``inside``.
        col_blend: Blend weights across ``inside``.
    """

    row: int
    col: int
    window: Window
    inside: Window
    rows: Indices
    cols: Indices
    pixels: int
    row_blend: Float32
    col_blend: Float32


@dataclass(frozen=True)
class Grid:
    """A regular grid of equal windows that covers a scene.

    Windows may reach past the right and bottom edge; the part of them inside the scene never does.
    Blend weights of all tiles sum to one at each scene pixel, and a pixel at the scene's own border
    carries full weight.
    """

    rows: Axis
    cols: Axis

    @classmethod
    def square(cls, height: int, width: int, size: int = 512, overlap: int = DEFAULT_OVERLAP) -> Grid:
        """A grid of square windows."""
        return cls(Axis(height, size, overlap), Axis(width, size, overlap))

    @classmethod
    def fitting(cls, height: int, width: int, largest: int = 512, overlap: int = DEFAULT_OVERLAP) -> Grid:
        """A grid of square windows that are no larger than the scene asks for; see `fitting_size`."""
        size = fitting_size(height, width, largest)
        return cls.square(height, width, size, min(overlap, size // 2))

    def __len__(self) -> int:
        return self.rows.count * self.cols.count

    def row_of_tiles(self, row: int) -> Iterator[Tile]:
        """The tiles of one row of the grid, from left to right."""
        from rasterio.windows import Window  # here, so that machines that only train do without rasterio

        top, bottom = self.rows.start(row), self.rows.stop(row)
        row_blend = self.rows.blend_weights(row)
        for col in range(self.cols.count):
            left, right = self.cols.start(col), self.cols.stop(col)
            yield Tile(
                row,
                col,
                Window(left, top, self.cols.size, self.rows.size),
                Window(left, top, right - left, bottom - top),
                self.rows.pixels(row),
                self.cols.pixels(col),
                self.rows.share(row) * self.cols.share(col),
                row_blend,
                self.cols.blend_weights(col),
            )

    def tiles(self) -> Iterator[Tile]:
        """All tiles, row by row."""
        for row in range(self.rows.count):
            yield from self.row_of_tiles(row)


def mirrored(start: int, count: int, length: int) -> Indices:
    """Indices of ``count`` pixels from ``start``, folded back into ``0 … length - 1``: shape ``(count,)``.

    The image's edge is the mirror, so that what lies beyond it is the same at any resolution; a fold that leaves at the
    other end is folded again, as ``numpy.pad(mode="symmetric")`` does.
    """
    index = np.arange(start, start + count) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
