"""How well outlines meet: precision, recall and F1 of boundary pixels within a tolerance.

Martin, Fowlkes, Malik 2004, IEEE TPAMI 26, 530 ("Learning to detect natural image boundaries") score boundaries by
precision and recall; Csurka, Larlus, Perronnin 2013, BMVC ("What is a good evaluation measure for semantic
segmentation?") apply it to segmentation as the BF score: a boundary pixel is right if the other boundary passes within
a distance, and F1 is the harmonic mean of both parts. They take 0.75 % of the image's diagonal; ours is in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from landslide_cli.typing import Bools


@dataclass(frozen=True, slots=True)
class BoundaryCounts:
    """Boundary pixels of prediction and truth, and how many of each have the other's boundary near."""

    found: int
    found_near: int
    true: int
    true_near: int

    @classmethod
    def of(
        cls, found: Bools, truth: Bools, valid: Bools, *, tolerance: float, rows: slice = slice(None)
    ) -> BoundaryCounts:
        """Count one image or, with ``rows``, the middle of a part of one.

        Args:
            found: True where landslide was predicted, shape ``(height, width)`` as for the other two.
            truth: True where there is landslide.
            valid: True where a pixel is valid; the border of those that aren't is nobody's boundary.
            tolerance: Pixels that a boundary may lie off, between the centres of pixels.
            rows: The rows that count. Counts of parts add up to those of the whole if each part shows
                `margin` more rows above and below, as far as the image has them.
        """
        ours, theirs = boundary(found, valid), boundary(truth, valid)
        return cls(
            int(ours[rows].sum()), int((ours & _near(theirs, tolerance))[rows].sum()),
            int(theirs[rows].sum()), int((theirs & _near(ours, tolerance))[rows].sum()),
        )  # fmt: skip

    @classmethod
    def total(cls, parts: Iterable[BoundaryCounts]) -> BoundaryCounts:
        """Pool: count everything together."""
        counts = [(part.found, part.found_near, part.true, part.true_near) for part in parts]
        return cls(*(sum(column) for column in zip(*counts, strict=True))) if counts else cls(0, 0, 0, 0)

    @property
    def precision(self) -> float:
        """Part of the predicted boundary that is near the true one; 0 if there is none."""
        return self.found_near / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Part of the true boundary that is near the predicted one; 0 if there is none."""
        return self.true_near / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def margin(tolerance: float) -> int:
    """Rows beside a part that its boundary counts depend on."""
    return math.floor(tolerance) + 1


def boundary(mask: Bools, valid: Bools) -> Bools:
    """Landslide pixels with an edge to a valid pixel that isn't landslide; all of shape ``(height, width)``.

    The image's own edge, and that of nodata, cut a landslide without being its outline.
    """
    other = valid & ~mask
    touches = np.zeros_like(mask)
    touches[1:] |= other[:-1]
    touches[:-1] |= other[1:]
    touches[:, 1:] |= other[:, :-1]
    touches[:, :-1] |= other[:, 1:]
    return mask & valid & touches


def _near(line: Bools, tolerance: float) -> Bools:
    """True within ``tolerance`` of a True pixel."""
    if not line.any():
        return np.zeros_like(line)
    return np.asarray(ndimage.distance_transform_edt(~line)) <= tolerance
