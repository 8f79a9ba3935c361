"""Slope by Horn's formula, and what heights say of one polygon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landslide_cli.typing import Bools, Float64

FIELDS = ("elev_min_m", "elev_max_m", "relief_m", "slope_mean_deg", "slope_max_deg", "aspect_deg")
# A resultant shorter than this share of the pixels has no direction but that of rounding.
NO_DIRECTION = 1e-6


class Relief:
    """Sums over the pixels of one polygon so far, from which its relief and slope follow.

    Attributes:
        pixels: Pixels so far.
    """

    def __init__(self) -> None:
        self.pixels = 0
        self._low, self._high = np.inf, -np.inf
        self._slopes = 0
        self._slope, self._steepest = 0.0, -np.inf
        self._east, self._north = 0.0, 0.0

    def add(self, heights: Float64, inside: Bools, steps: Float64) -> None:
        """Add the pixels that are True in ``inside``, shape ``(rows, cols)``; see `horn` for the shapes of the rest."""
        here = heights[1:-1, 1:-1][inside]
        self.pixels += len(here)
        # A NaN stays: relief is not known where one pixel isn't.
        self._low, self._high = np.minimum(self._low, here.min()), np.maximum(self._high, here.max())
        east, north = (gradient[inside] for gradient in horn(heights, steps))
        known = np.isfinite(east) & np.isfinite(north)
        steepness = np.hypot(east[known], north[known])
        slope = np.degrees(np.arctan(steepness))
        sloping = steepness > 0
        self._slopes += len(slope)
        self._slope += slope.sum()
        self._steepest = max(self._steepest, slope.max(initial=-np.inf))
        self._east += (-east[known][sloping] / steepness[sloping]).sum()
        self._north += (-north[known][sloping] / steepness[sloping]).sum()

    def measured(self) -> Sequence[float]:
        """In the order of ``FIELDS``."""
        if not self.pixels or not np.isfinite(self._high - self._low):
            return [np.nan] * len(FIELDS)
        heights = [self._low, self._high, self._high - self._low]
        if not self._slopes:
            return [*heights, np.nan, np.nan, np.nan]
        aspect = np.degrees(np.arctan2(self._east, self._north)) % 360
        if np.hypot(self._east, self._north) < NO_DIRECTION * self._slopes:
            aspect = np.nan
        return [*heights, self._slope / self._slopes, self._steepest, aspect]


def horn(heights: Float64, steps: Float64) -> tuple[Float64, Float64]:
    """Rise in metres per metre to the east and to the north.

    Horn 1981, "Hill shading and the reflectance map", Proceedings of the IEEE 69, 14, as gdaldem has it; solved for
    east and north, so that grids may be turned, south-up, in degrees or off true north.

    Args:
        heights: Metres, shape ``(rows + 2, cols + 2)``; a NaN makes its eight neighbours unknown.
        steps: What a pixel across and a pixel down mean, as `landslide_cli.scene.ground.Ground.steps` gives it.

    Returns:
        Two arrays of shape ``(rows, cols)``.
    """
    down = heights[:-2] + 2 * heights[1:-1] + heights[2:]
    side = heights[:, :-2] + 2 * heights[:, 1:-1] + heights[:, 2:]
    # The middle is in no difference, but gdaldem knows no slope where it is missing.
    middle = 0 * heights[1:-1, 1:-1]
    across, along = (down[:, 2:] - down[:, :-2]) / 8 + middle, (side[2:] - side[:-2]) / 8 + middle
    (across_east, across_north), (along_east, along_north) = steps
    area = across_east * along_north - across_north * along_east
    east = (across * along_north - along * across_north) / area
    north = (along * across_east - across * along_east) / area
    return east, north
