"""A plan's scene, read once from top to bottom, to what the network sees of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from rasterio.windows import Window

from landslide_cli.mosaic.blend import Validity
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.prefetch import ahead
from landslide_cli.scene.area import Area
from landslide_cli.scene.remote import reaching
from landslide_cli.tiling.grid import Axis, Tile
from landslide_cli.tiling.resampling import Inward, Scaling, rows_at_once
from landslide_cli.typing import Bools, Bytes, Indices, Pixels

# What may be read before windows are cut from it.
READ_AHEAD_BYTES = 48 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A tile and the pixels that the network must see for it.

    Attributes:
        tile: The tile.
        image: Raw pixels, shape ``(bands, size, size)``, to be used before the next tile is asked for; None where no
            pixel is valid.
        valid: With the last tile of a row of tiles, which pixels are valid, and in the area of interest, in the rows
            of the scene that are complete then; None with the others.
    """

    tile: Tile
    image: Pixels | None
    valid: Validity | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that the network sees, where a valid pixel lies under them, and the scene's rows read for them."""

    image: Pixels
    touched: Bools
    valid: Validity


def read_tiles(plan: Plan, rows: range | None = None, *, top: int | None = None) -> Generator[Seen]:
    """Read a plan's tiles in their order; windows share what is read, in a thread of its own.

    The same pixels come out for a tile, to the last bit, whatever rows are asked for.

    Args:
        plan: What will be predicted.
        rows: Rows of tiles; all by default.
        top: Row of the scene from which on it is told which pixels are valid; the first that tiles show by default.

    Raises:
        SceneError: the scene can't be read.
    """
    grid = plan.grid
    rows = range(grid.rows.count) if rows is None else rows
    shown = [grid.rows.pixels(row) for row in rows]
    stops = [int(index.max()) + 1 for index in shown]
    # A window that is mirrored at the lower edge may show rows above those that it starts with.
    tops = [int(top) for top in np.minimum.accumulate([int(index.min()) for index in reversed(shown)])[::-1]]
    upper = plan.rows.under(tops[0], tops[0] + 1)[0]
    height = max(stop - top for top, stop in zip(tops, stops, strict=True))
    strip = _Strip(plan, tops[0], height, _begin(plan, upper), upper if top is None else top)
    with closing(ahead(_reached(plan, tops[0], max(stops)), strip.depth)) as parts:
        for row, index, first, stop in zip(rows, shown, tops, stops, strict=True):
            strip.drop(first)
            while strip.stop < stop:
                strip.add(next(parts))
            here = _slice(index - strip.top)
            for tile in grid.row_of_tiles(row):
                last = tile.col == grid.cols.count - 1
                across = _slice(tile.cols)
                # Columns first: rows that turn at an edge are copied, and only a window's width of them should be.
                touched = strip.touched[:, across][here].any()
                image = strip.image[:, :, across][:, here] if touched else None
                valid = strip.valid.take(plan.rows.complete(grid.rows.settled(row))) if last else None
                yield Seen(tile, image, valid)


def _slice(index: Indices) -> Any:
    """Indices as a slice where they run on without a turn, so that nothing is copied."""
    first, last = int(index[0]), int(index[-1])
    return slice(first, last + 1) if last - first == len(index) - 1 else index


class _Strip:
    """The rows that windows are cut from: those above are dropped, others added below."""

    def __init__(self, plan: Plan, top: int, height: int, read_from: int, told_from: int) -> None:
        # At the lower edge those are complete as well that would reach past it.
        added = 2 + math.ceil((rows_at_once(plan.rows, plan.cols) + 1) / plan.rows.factor)
        shape, bands = (height + added, plan.cols.seen), len(plan.scene.bands)
        self._image = np.empty((bands, *shape), dtype=plan.scene.dtype)
        self._touched = np.empty(shape, dtype=bool)
        self.top = self.stop = top
        self.valid = _ValidRows(read_from, told_from, plan.scene.width)
        part = added * plan.cols.seen * (bands * plan.scene.dtype.itemsize + 1)
        self.depth = min(max(2, READ_AHEAD_BYTES // part), 64)

    @property
    def image(self) -> Pixels:
        return self._image[:, : self.stop - self.top]

    @property
    def touched(self) -> Bools:
        return self._touched[: self.stop - self.top]

    def drop(self, top: int) -> None:
        rest = self.stop - top
        for rows in (self._image, self._touched):
            rows[..., :rest, :] = rows[..., top - self.top : top - self.top + rest, :]
        self.top = top

    def add(self, rows: _Rows) -> None:
        here = slice(self.stop - self.top, self.stop - self.top + len(rows.touched))
        self._image[:, here], self._touched[here] = rows.image, rows.touched
        self.stop += len(rows.touched)
        self.valid.add(rows.valid)


class _ValidRows:
    """Which of the scene's pixels are valid, in the order of their rows."""

    def __init__(self, top: int, told_from: int, width: int) -> None:
        self._top, self._told_from, self._width = top, told_from, width
        self._parts: list[Bytes] = []

    def add(self, part: Validity) -> None:
        self._parts.append(part.packed)

    def take(self, stop: int) -> Validity:
        """Those from where the last ones ended to ``stop``."""
        rows = np.concatenate(self._parts)
        taken, rest = np.split(rows, [stop - self._top])
        untold = max(0, self._told_from - self._top)
        self._parts, self._top = [rest], stop
        return Validity(taken[untold:], self._width)


def _reached(plan: Plan, first: int, stop: int) -> Iterator[_Rows]:
    """The same as `_read`; GDAL's settings are those of a thread, and a mosaic opens its sources where it is read."""
    with reaching(plan.scene.src.name):
        yield from _read(plan, first, stop)


def _read(plan: Plan, first: int, stop: int) -> Iterator[_Rows]:
    """Rows from ``first`` to ``stop`` of those that the network sees, a few at a time."""
    scene, fill = plan.scene, plan.fill[:, None]
    top, end = plan.rows.under(first, stop)
    top = _begin(plan, top)
    inward = Inward(plan.rows, plan.cols, first, top) if plan.resampled else None
    columns = _Columns(plan)
    for upper, lower in _parts(plan, top, end):
        image = np.empty((len(scene.bands), lower - upper, scene.width), dtype=scene.dtype)
        analysed = np.zeros(image.shape[1:], dtype=bool)
        left, right = columns.needed(upper, lower)
        image[:, :, :left] = image[:, :, right:] = fill[..., None]
        if left < right:
            window = Window(left, upper, right - left, lower - upper)
            image[:, :, left:right], valid = scene.read(window)
            if not valid.all():
                image[:, :, left:right][:, ~valid] = fill
            analysed[:, left:right] = valid & plan.area.mask(window) if plan.area else valid
        packed = Validity.of(analysed)
        if inward is None:
            yield _Rows(image, analysed, packed)
        else:
            seen, touched = inward.feed(_clipped(image, plan.value_range), analysed)
            yield _Rows(seen if image.dtype.kind == "f" else np.rint(seen), touched, packed)


def _clipped(image: Pixels, value_range: tuple[float, float]) -> Pixels:
    """Clip to the range, before a bright pixel can outshine its neighbours in a mean."""
    if image.dtype == np.uint8 and value_range == (0, 255):
        return image
    return np.clip(image.astype(np.float32), *value_range)


def _begin(plan: Plan, top: int) -> int:
    """Row of the scene that is read first, for ``top`` to be seen.

    Rows are resampled in the parts that they are read in. Sums of single precision depend on where these begin.
    """
    return _part(plan, top)[0] if plan.resampled else top


def _parts(plan: Plan, top: int, end: int) -> Iterator[tuple[int, int]]:
    """Rows of the scene that are read together."""
    while top < end:
        lower = min(_part(plan, top)[1], end)
        yield top, lower
        top = lower


def _part(plan: Plan, row: int) -> tuple[int, int]:
    """First row of the scene that is read together with ``row``, and one past the last.

    None reaches into two rows of blocks, so that one is cached at most.
    """
    block, most = plan.scene.src.block_shapes[0][0], rows_at_once(plan.rows, plan.cols)
    if block < most:
        most, block = most // block * block, plan.scene.height
    upper = row // block * block
    first = upper + (row - upper) // most * most
    return first, min(first + most, upper + block, plan.scene.height)


class _Columns:
    """Which columns of a scene are needed for an area of interest: from those of its leftmost tile to its rightmost."""

    def __init__(self, plan: Plan) -> None:
        self._width = plan.scene.width
        self._area = plan.area
        self._spans = np.zeros((0, 4), dtype=int)
        if plan.area:
            rows = _under(plan.grid.rows, plan.rows)
            cols = _under(plan.grid.cols, plan.cols)
            self._spans = np.array([_hull(plan.area, span, cols) for span in rows])

    def needed(self, upper: int, lower: int) -> tuple[int, int]:
        """First column that is needed of these rows of the scene, and one past the last; none if they are equal."""
        if self._area is None:
            return 0, self._width
        top, bottom, left, right = self._spans.T
        here = (top < lower) & (upper < bottom) & (left < right)
        return (int(left[here].min()), int(right[here].max())) if here.any() else (0, 0)


def _under(axis: Axis, scaling: Scaling) -> list[tuple[int, int]]:
    """First of the scene's pixels that each span shows, and one past the last."""
    shown = [axis.pixels(number) for number in range(axis.count)]
    return [scaling.under(int(index.min()), int(index.max()) + 1) for index in shown]


def _hull(area: Area, rows: tuple[int, int], cols: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    """``rows``, and the columns of those tiles in them that meet the area; none if they are equal."""
    left, right = np.array(cols).T
    meet = shapely.intersects(area.polygon, shapely.box(left, rows[0], right, rows[1]))
    return (*rows, int(left[meet].min()), int(right[meet].max())) if meet.any() else (*rows, 0, 0)
