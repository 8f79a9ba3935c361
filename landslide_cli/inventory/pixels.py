"""What the pixels of a raster say of polygons that were drawn or moved by hand, one polygon after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.windows import Window

from landslide_cli.inventory.attributes import PIXEL_FIELDS
from landslide_cli.mosaic.encoding import NODATA, STEPS, stored_threshold
from landslide_cli.typing import Bytes, Float64, Geometries, Int64

PIXELS_AT_ONCE = 1 << 20
HIGH = 0.9
PROBABILITIES = tuple(name for name in PIXEL_FIELDS if name.startswith(("prob_", "high_")) and name != "prob_spread")


@dataclass(frozen=True)
class Raster:
    """Pixels in the CRS of the polygons, or in one that they have been brought into.

    Attributes:
        read: Gives the stored values of a window inside of the raster, uint8, shape ``(height, width)``.
        transform: Pixel to map.
        height: Rows.
        width: Columns.
        probability: Whether the values are probabilities; else only which of them are `NODATA` counts.
    """

    read: Callable[[Window], Bytes]
    transform: Affine
    height: int
    width: int
    probability: bool

    def measure(self, placed: Geometries) -> dict[str, Float64]:
        """Number of pixels, probabilities and ``cut`` of polygons in the raster's CRS, each of shape ``(n,)``.

        A pixel belongs to a polygon that covers its centre, whatever its probability; a polygon that covers no centre
        takes all pixels that it touches. What lies beyond the raster or on nodata isn't counted, and makes it cut.
        """
        inverse = ~self.transform
        pixels = shapely.transform(placed, lambda x, y: inverse @ (x, y), interleaved=False)
        found = [
            self._measured(polygon, bounds) for polygon, bounds in zip(pixels, shapely.bounds(pixels), strict=True)
        ]
        names = ("pixels", *(PROBABILITIES if self.probability else ()), "cut")
        return {name: np.array([one.get(name, np.nan) for one in found], dtype=np.float64) for name in names}

    def _measured(self, polygon: Any, bounds: Float64) -> dict[str, float]:
        left, top = np.floor(bounds[:2]).astype(int)
        right, bottom = np.maximum(np.ceil(bounds[2:]).astype(int), (left + 1, top + 1))
        counts: Int64 = np.zeros(NODATA + 1, dtype=np.int64)
        cut = False
        for touched in (False, True):
            for window in _parts(left, top, right, bottom):
                inside = geometry_mask(
                    [polygon], out_shape=(int(window.height), int(window.width)), invert=True, all_touched=touched,
                    transform=Affine.translation(window.col_off, window.row_off),
                )  # fmt: skip
                if inside.any():
                    around = self._around(window)
                    unknown = around == NODATA
                    beside = unknown[:-2, 1:-1] | unknown[2:, 1:-1] | unknown[1:-1, :-2] | unknown[1:-1, 2:]
                    cut |= bool((inside & (beside | unknown[1:-1, 1:-1])).any())
                    counts += np.bincount(around[1:-1, 1:-1][inside], minlength=NODATA + 1)
            if counts.any():
                break
        # Of what lies elsewhere, or on nodata alone, nothing is known.
        return self._summed(counts[:NODATA]) | {"cut": float(cut)} if counts[:NODATA].any() else {}

    def _around(self, window: Window) -> Bytes:
        """The values of a window and of the pixels around it; nodata beyond the raster."""
        height, width = int(window.height) + 2, int(window.width) + 2
        top, left = int(window.row_off) - 1, int(window.col_off) - 1
        rows = slice(min(max(0, top), self.height), max(0, min(self.height, top + height)))
        cols = slice(min(max(0, left), self.width), max(0, min(self.width, left + width)))
        values = np.full((height, width), NODATA, dtype=np.uint8)
        if rows.start < rows.stop and cols.start < cols.stop:
            inner = slice(rows.start - top, rows.stop - top), slice(cols.start - left, cols.stop - left)
            values[inner] = self.read(Window.from_slices(rows, cols))
        return values

    def _summed(self, counts: Int64) -> dict[str, float]:
        """The attributes of pixels of which so many have each stored value."""
        pixels = int(counts.sum())
        if not self.probability:
            return {"pixels": pixels}
        values = np.arange(len(counts))
        ranks = np.cumsum(counts)

        def percentile(share: float) -> float:
            """Between two pixels, as `landslide_cli.polygons.histograms.Histograms.take` has it."""
            at = (pixels - 1) * share
            lower, upper = np.searchsorted(ranks, [int(at), min(int(at) + 1, pixels - 1)], side="right")
            return float(lower + (at - int(at)) * (upper - lower)) / STEPS

        return {
            "pixels": pixels,
            "prob_mean": float((values * counts).sum()) / pixels / STEPS,
            "prob_median": percentile(0.5),
            "prob_p90": percentile(0.9),
            "prob_max": float(values[counts > 0].max()) / STEPS,
            "high_share": int(counts[stored_threshold(HIGH) :].sum()) / pixels,
        }


def _parts(left: int, top: int, right: int, bottom: int) -> Iterator[Window]:
    """A window in parts of full rows, so that a large polygon on fine pixels needs little memory."""
    rows = max(1, PIXELS_AT_ONCE // (right - left))
    for first in range(top, bottom, rows):
        yield Window(left, first, right - left, min(rows, bottom - first))
