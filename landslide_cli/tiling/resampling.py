"""Between the pixels of a scene and those that the network sees, row by row from top to bottom.

What the network sees is the whole scene resampled at once, of which windows are cut; its answers are blended there and
resampled back. So neighbouring windows agree on every pixel that they share, and no array is as large as a window of a
fine scene. Both ways are linear, by a triangle that is as wide as the coarser pixels, so that none is missed: what
Pillow and torch (``interpolate(mode="bilinear", antialias=True)``) do with the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array

from landslide_cli.errors import TrainingDataError
from landslide_cli.typing import Bools, Float32, Indices, Pixels

# Rows are handed on in parts of about so many pixels at most.
PIXELS_AT_ONCE = 1 << 20
# And resampled in parts that the processor's cache holds, with all that is made on the way: nearly twice as fast.
PIXELS_IN_CACHE = 1 << 15
# As many pixels as an image that is held as a whole may be resampled to: 1.5 GB on the way.
MOST_PIXELS = 1 << 25


@dataclass(frozen=True)
class Scaling:
    """One direction of a scene: ``scene`` pixels of its own, ``seen`` pixels of the network."""

    scene: int
    seen: int

    @property
    def same(self) -> bool:
        """Whether the network sees the scene's own pixels."""
        return self.scene == self.seen

    @property
    def factor(self) -> float:
        """Pixels of the scene for each that the network sees."""
        return self.scene / self.seen

    def complete(self, seen: int) -> int:
        """Pixels of the scene that are known once the first ``seen`` are that the network sees."""
        if self.same:
            return seen
        return int(np.searchsorted(spans(self.seen, self.scene)[1], seen, side="right"))

    def under(self, first: int, stop: int) -> tuple[int, int]:
        """First of the scene's pixels that those from ``first`` to ``stop`` are made of, and one past the last."""
        if self.same:
            return first, stop
        firsts, stops = spans(self.scene, self.seen)
        return int(firsts[first]), int(stops[stop - 1])


@lru_cache(maxsize=16)
def shares(before: int, after: int) -> csr_array:
    """Parts that ``before`` pixels have in ``after``, shape ``(after, before)``."""
    scale = before / after
    reach = max(scale, 1.0)
    centre = (np.arange(after) + 0.5) * scale
    first = np.floor(centre - reach).astype(int)
    pixel = first[:, None] + np.arange(int(2 * reach) + 2)
    weight = np.maximum(0, 1 - np.abs(pixel + 0.5 - centre[:, None]) / reach)
    weight[(pixel < 0) | (pixel >= before)] = 0
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(after)[:, None], pixel.shape)
    seen = weight > 0
    values = weight[seen].astype(np.float32)
    return csr_array((values, (rows[seen], pixel[seen])), shape=(after, before))


@lru_cache(maxsize=16)
def spans(before: int, after: int) -> tuple[Indices, Indices]:
    """For each of ``(after,)`` pixels the first of ``before`` that has a part in it, and one past the last."""
    parts = shares(before, after)
    return parts.indices[parts.indptr[:-1]].astype(np.intp), parts.indices[parts.indptr[1:] - 1].astype(np.intp) + 1


def seen_size(height: int, width: int, zoom: float, least: int = 1) -> tuple[int, int]:
    """Rows and columns of an image that is seen as a whole, at ``zoom`` pixels of the network for each of its own.

    Raises:
        TrainingDataError: they would be more than can be held.
    """
    rows, cols = (max(float(least), length * zoom) for length in (height, width))
    if not rows * cols <= max(MOST_PIXELS, height * width):
        raise TrainingDataError(
            f"an image of {width} x {height} pixels would be seen as {cols:.3g} x {rows:.3g}, more than can be done; "
            "check its metres per pixel, and those at which it is to be seen"
        )
    return round(rows), round(cols)


def resized(image: Pixels, size: tuple[int, int]) -> Float32:
    """Resample planes that are in memory, shape ``(…, height, width)``, to ``size``."""
    *planes, height, width = image.shape
    flat = image.reshape(-1, height, width)
    parts = shares(height, size[0])
    return np.stack([_across(parts @ plane.astype(np.float32), size[1]) for plane in flat]).reshape(*planes, *size)


def rows_at_once(rows: Scaling, cols: Scaling) -> int:
    """Rows of the scene that are handled together, so that neither they nor what is seen of them is large."""
    pixels = max(cols.scene, cols.seen / rows.factor)
    return max(1, int(PIXELS_AT_ONCE / pixels))


class Inward:
    """Rows of a scene, as they come, to rows that the network sees.

    Args:
        rows: Down the scene.
        cols: Across it.
        first: The first row that is wanted of those that the network sees.
        fed: Row of the scene that is fed first; by default the first that has a part in ``first``.
    """

    def __init__(self, rows: Scaling, cols: Scaling, first: int = 0, fed: int | None = None) -> None:
        self._parts, self._width = shares(rows.scene, rows.seen), cols.seen
        self._firsts, self._stops = spans(rows.scene, rows.seen)
        self._fed, self._done = int(self._firsts[first]) if fed is None else fed, first
        self._step = max(1, int(rows.factor * PIXELS_IN_CACHE / cols.seen))
        # Rows that more of the scene's are part of, and whether all pixels so far count in them.
        self._open: Float32 | None = None
        self._whole = True

    def feed(self, image: Pixels, counts: Bools) -> tuple[Float32, Bools]:
        """Add the next rows.

        Args:
            image: Shape ``(bands, n, width of the scene)``.
            counts: Shape ``(n, width of the scene)``.

        Returns:
            ``(image, touched)``: the rows that are complete now, and where a pixel that counts has a part in them.
        """
        tops = range(0, len(counts), self._step)
        seen, touched = zip(
            *(self._feed(image[:, top : top + self._step], counts[top : top + self._step]) for top in tops), strict=True
        )
        return np.concatenate(seen, axis=1), np.concatenate(touched)

    def _feed(self, image: Pixels, counts: Bools) -> tuple[Float32, Bools]:
        fed = self._fed + len(counts)
        begun = max(self._done, int(np.searchsorted(self._firsts, fed, side="left")))
        done = max(self._done, int(np.searchsorted(self._stops, fed, side="right")))
        parts = self._parts[self._done : begun, self._fed : fed]
        whole = bool(counts.all())
        sums = np.empty((len(image) + 1, begun - self._done, counts.shape[1]), dtype=np.float32)
        for plane, total in zip(image, sums, strict=False):
            total[:] = parts @ plane.astype(np.float32)
        # Where all pixels count, which is the rule, there is nothing to multiply.
        sums[-1] = parts.sum(axis=1)[:, None] if whole else parts @ counts.astype(np.float32)
        if self._open is not None:
            sums[:, : self._open.shape[1]] += self._open
        whole, self._whole = whole and self._whole, whole
        complete, self._open = np.split(sums, [done - self._done], axis=1)
        self._open = self._open.copy()  # or those that are complete would stay in memory as well
        self._fed, self._done = fed, done
        seen = np.stack([_across(plane, self._width) for plane in complete[:-1]])
        touched = np.ones(seen.shape[1:], dtype=bool) if whole else _across(complete[-1], self._width) > 0
        return seen, touched


class Outward:
    """Rows that the network saw, as they come, to rows of the scene.

    Args:
        rows: Down the scene.
        cols: Across it.
        first: The first row of the scene that is wanted; rows are fed from the first on that has a part in it.
    """

    def __init__(self, rows: Scaling, cols: Scaling, first: int = 0) -> None:
        self._rows, self._cols = rows, cols
        self._step = rows_at_once(rows, cols)
        self._kept: Float32 | None = None
        self._done = first
        self._kept_from = self._seen = int(spans(rows.seen, rows.scene)[0][first]) if first else 0

    def feed(self, seen: Float32) -> Iterator[Float32]:
        """Add the next rows, shape ``(layers, n, width that the network sees)``; give those of the scene, in parts.

        Every part must be taken before the next rows are added.
        """
        self._seen += seen.shape[1]
        # The first rows that are fed may not yet complete the first that is wanted.
        complete = max(self._done, self._rows.complete(self._seen))
        if self._rows.same and self._cols.same:
            yield from (seen[:, top : top + self._step] for top in range(0, seen.shape[1], self._step))
            return
        for top in range(self._done, complete, self._step):
            yield self._rows_of_scene(top, min(top + self._step, complete), seen)
        self._done = complete
        firsts, _ = spans(self._rows.seen, self._rows.scene)
        keep_from = int(firsts[complete]) if complete < self._rows.scene else self._seen
        self._kept, self._kept_from = self._between(keep_from, self._seen, seen).copy(), keep_from

    def _rows_of_scene(self, first: int, stop: int, added: Float32) -> Float32:
        firsts, stops = spans(self._rows.seen, self._rows.scene)
        parts = shares(self._rows.seen, self._rows.scene)
        made = np.empty((len(added), stop - first, self._cols.scene), dtype=np.float32)
        step = max(1, 4 * PIXELS_IN_CACHE // self._cols.scene)
        for top in range(first, stop, step):
            bottom = min(top + step, stop)
            upper, lower = int(firsts[top]), int(stops[bottom - 1])
            for layer, rows in zip(self._between(upper, lower, added), made, strict=True):
                rows[top - first : bottom - first] = parts[top:bottom, upper:lower] @ _across(layer, self._cols.scene)
        return made

    def _between(self, first: int, last: int, added: Float32) -> Float32:
        """Rows that the network saw, of which the last ones are those ``added``."""
        top = self._seen - added.shape[1]
        below = added[:, max(0, first - top) : last - top]
        if first >= top or self._kept is None:
            return below
        return np.concatenate([self._kept[:, first - self._kept_from :], below], axis=1)


def _across(plane: Float32, width: int) -> Float32:
    """Resample each row of a plane."""
    if plane.shape[1] == width:
        return plane
    return np.ascontiguousarray((shares(plane.shape[1], width) @ np.ascontiguousarray(plane.T)).T)
