"""Whether a probability of 0.7 means seven of ten: the reliability diagram and its error.

Guo, Pleiss, Sun, Weinberger 2017, ICML ("On calibration of modern neural networks"), equations 2 to 5, for the
probability of one class: in place of the accuracy of a bin stands the part of its pixels that is landslide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landslide_cli.metrics.scores import Histogram
from landslide_cli.mosaic.encoding import STEPS
from landslide_cli.typing import Float64, Int64

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal width over 0 … 1; a bin without pixels has mean and part 0.

    Attributes:
        pixels: Pixels in each bin.
        probability: Mean predicted probability of each bin.
        landslide: Part of each bin's pixels that is landslide.
    """

    pixels: Int64
    probability: Float64
    landslide: Float64

    @classmethod
    def of(cls, histogram: Histogram, *, bins: int = BINS) -> Reliability:
        """Group the stored values; a value on an edge belongs to the upper bin, 1 to the last."""
        stored = np.arange(STEPS + 1)
        bin_of = np.minimum(stored * bins // STEPS, bins - 1)
        count = histogram.landslide + histogram.other
        pixels = np.bincount(bin_of, count, bins).astype(np.int64)
        some = np.maximum(pixels, 1)
        return cls(
            pixels,
            np.bincount(bin_of, count * stored / STEPS, bins) / some,
            np.bincount(bin_of, histogram.landslide, bins) / some,
        )

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between both, each bin weighted by its pixels; 0 of nothing."""
        weights = self.pixels / max(int(self.pixels.sum()), 1)
        return float((weights * np.abs(self.probability - self.landslide)).sum())
