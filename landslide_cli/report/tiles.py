"""A raster as reduced tiles, as many as fit into so many bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landslide_cli.prediction.prefetch import ahead
from landslide_cli.report.data_uri import as_uri
from landslide_cli.report.frame import TILE, Frame
from landslide_cli.report.warped import Warped, warped
from landslide_cli.typing import Bytes, OnProgress, Pixels

SAMPLES = 4  # tiles along each side whose size is tried
SAFETY = 1.15  # levels that are made in vain cost time
ROWS_AHEAD = 1
# Above so many tiles classes of colours are shown at half of the scene's resolution: they are as good to read there.
MANY = 400
Key = tuple[int, int, int]


@dataclass(frozen=True)
class Imagery:
    """A raster and how it is shown.

    Attributes:
        path: The raster.
        bands: Its bands that are read.
        reduce: From its numbers, shape ``(bands, height, width)``, to bytes that can be averaged.
        paint: From such bytes and their opacity as the last layer to red, green, blue and opacity.
        lossless: Whether colours must stay exact.
    """

    path: str | Path
    bands: tuple[int, ...]
    reduce: Callable[[Pixels], Bytes]
    paint: Callable[[Bytes], Bytes]
    lossless: bool = False

    def uri(self, tile: Bytes) -> str | None:
        """A tile, shape ``(layers, 256, 256)``, as text."""
        return as_uri(self.paint(tile), lossless=self.lossless)


@dataclass(frozen=True)
class Level:
    """The tiles of one level that a scene touches: the first and the last across and down."""

    zoom: int
    first: tuple[int, int]
    last: tuple[int, int]

    @classmethod
    def of(cls, frame: Frame, zoom: int) -> Level:
        """Tiles that the scene touches."""
        left, bottom, right, top = frame.outline.bounds
        (x0, x1), (y0, y1) = frame.pixels(np.array([left, right]), np.array([top, bottom]), zoom)
        # Hairs of tiles, by rounding, hold nothing.
        first = math.floor(x0 / TILE + 1e-6), math.floor(y0 / TILE + 1e-6)
        return cls(zoom, first, (math.ceil(x1 / TILE - 1e-6) - 1, math.ceil(y1 / TILE - 1e-6) - 1))

    @property
    def columns(self) -> int:
        """Tiles across."""
        return self.last[0] - self.first[0] + 1

    @property
    def rows(self) -> int:
        """Tiles down."""
        return self.last[1] - self.first[1] + 1

    def open(self, imagery: Imagery, frame: Frame) -> AbstractContextManager[Warped]:
        """Open a raster in the pixels of these tiles."""
        side = frame.pixel_side(self.zoom)
        return warped(
            imagery.path, frame, bands=imagery.bands, side=side,
            left=frame.corner[0] + self.first[0] * TILE * side, top=frame.corner[1] - self.first[1] * TILE * side,
            width=self.columns * TILE, height=self.rows * TILE,
        )  # fmt: skip

    def whole(self, x: int, y: int) -> bool:
        """Whether, with this tile, all four are there that make one of the level above."""
        return (x % 2 == 1 or x == self.last[0]) and (y % 2 == 1 or y == self.last[1])


@dataclass(frozen=True)
class Tiles:
    """A raster as the page holds it.

    Attributes:
        images: Tiles by ``level/column/row``; where one is missing nothing can be seen.
        shallowest: First level.
        deepest: Last level.
        valid: Part of the scene that is valid.
    """

    images: dict[str, str]
    shallowest: int
    deepest: int
    valid: float

    @property
    def size(self) -> int:
        """Bytes of all images."""
        return sum(map(len, self.images.values()))


def make_tiles(imagery: Imagery, frame: Frame, *, budget: int, on_rows: OnProgress | None = None) -> Tiles:
    """Reduce a raster to tiles of at most ``budget`` bytes together.

    The raster is read once, row of tiles by row of tiles, at the deepest level that fits; the levels above are
    averages of it. At most a row of tiles of each level, and two that were read ahead while others are encoded, are in
    memory, beside the text that is made of them.
    """
    deepest = _affordable(imagery, frame, budget)
    level = Level.of(frame, deepest)
    found: dict[int, dict[str, str]] = {}
    seen = 0
    with level.open(imagery, frame) as src, closing(ahead(_rows(imagery, src, level), ROWS_AHEAD)) as rows:
        pyramid = _Pyramid(frame, level)
        for row, band in enumerate(rows):
            seen += int(np.count_nonzero(band[-1]))
            for column in range(level.columns):
                tile = np.ascontiguousarray(band[:, :, column * TILE : (column + 1) * TILE])
                for (zoom, x, y), done in pyramid.add((deepest, level.first[0] + column, level.first[1] + row), tile):
                    text = imagery.uri(done)
                    if text:
                        found.setdefault(zoom, {})[f"{zoom}/{x}/{y}"] = text
            if on_rows:
                on_rows((row + 1) * TILE * src.width, src.height * src.width)
    while deepest > frame.shallowest_zoom and sum(map(len, _joined(found).values())) > budget:
        found.pop(deepest, None)
        deepest -= 1
    area = frame.outline.area / frame.pixel_side(level.zoom) ** 2
    return Tiles(_joined(found), frame.shallowest_zoom, deepest, min(1.0, seen / area))


def _rows(imagery: Imagery, src: Warped, level: Level) -> Iterator[Bytes]:
    for row in range(level.rows):
        yield _reduced(imagery, src, 0, row * TILE, src.width)


class _Pyramid:
    """Gives each tile back, and those of the levels above as soon as their four parts are there."""

    def __init__(self, frame: Frame, deepest: Level) -> None:
        self._levels = {zoom: Level.of(frame, zoom) for zoom in range(frame.shallowest_zoom, deepest.zoom + 1)}
        self._open: dict[Key, Bytes] = {}

    def add(self, key: Key, tile: Bytes) -> Iterator[tuple[Key, Bytes]]:
        """Take a tile; rows come from top to bottom."""
        yield key, tile
        zoom, x, y = key
        if zoom - 1 not in self._levels:
            return
        above = zoom - 1, x // 2, y // 2
        parent = self._open.setdefault(above, np.zeros_like(tile))
        half = TILE // 2
        rows, cols = (slice(half * (v % 2), half * (v % 2) + half) for v in (y, x))
        parent[:, rows, cols] = halved(tile)
        if self._levels[zoom].whole(x, y):
            yield from self.add(above, self._open.pop(above))


def halved(tile: Bytes) -> Bytes:
    """Means of 2×2 pixels of ``(layers, height, width)``; the last layer is opacity: what is unseen doesn't count."""
    layers, height, width = tile.shape
    if tile[-1].min() == 255:
        wide = tile.astype(np.uint16)
        total = wide[:, ::2, ::2] + wide[:, 1::2, ::2] + wide[:, ::2, 1::2] + wide[:, 1::2, 1::2]
        return ((total + 2) >> 2).astype(np.uint8)
    quads = tile.reshape(layers, height // 2, 2, width // 2, 2).astype(np.float32)
    opacity = quads[-1]
    seen = opacity.sum(axis=(1, 3))
    values = (quads[:-1] * opacity).sum(axis=(2, 4)) / np.maximum(seen, 1)
    return np.concatenate([values, seen[None] / 4]).round().astype(np.uint8)


def _reduced(imagery: Imagery, src: Warped, left: int, top: int, width: int) -> Bytes:
    image, valid = src.read(left, top, width, TILE)
    return np.concatenate([imagery.reduce(image), np.where(valid, 255, 0).astype(np.uint8)[None]])


def _affordable(imagery: Imagery, frame: Frame, budget: int) -> int:
    """Deepest level that is likely to fit, from the size of a few of its tiles."""
    level = Level.of(frame, frame.native_zoom)
    if imagery.lossless and level.rows * level.columns > MANY:
        level = Level.of(frame, max(frame.shallowest_zoom, frame.native_zoom - 1))
    rows, cols = (np.unique(np.linspace(0, n - 1, SAMPLES).round().astype(int)) for n in (level.rows, level.columns))
    with level.open(imagery, frame) as src:
        sizes = [
            len(imagery.uri(_reduced(imagery, src, col * TILE, row * TILE, TILE)) or "")
            for row in rows.tolist()
            for col in cols.tolist()
        ]
    for zoom in range(level.zoom, frame.shallowest_zoom, -1):
        level = Level.of(frame, zoom)
        # Each level above has a quarter of the tiles.
        if level.rows * level.columns * float(np.mean(sizes)) * 4 / 3 * SAFETY <= budget:
            return zoom
    return frame.shallowest_zoom


def _joined(levels: dict[int, dict[str, str]]) -> dict[str, str]:
    return {key: text for zoom in sorted(levels) for key, text in levels[zoom].items()}
