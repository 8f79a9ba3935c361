"""Pixel scores from histograms of stored probabilities, for every threshold at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from landslide_cli.mosaic.encoding import NODATA, STEPS, stored_threshold
from landslide_cli.typing import Bools, Bytes, Float64, Int64


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each stored value stands on true landslide and elsewhere; nodata is left out.

    Attributes:
        landslide: Counts of the values 0 … 254 where the truth is landslide.
        other: Counts where it isn't.
    """

    landslide: Int64
    other: Int64

    @classmethod
    def of(cls, stored: Bytes, truth: Bools) -> Histogram:
        """Count one image; both arrays have one shape."""
        valid = stored != NODATA
        bins = STEPS + 1
        return cls(
            np.bincount(stored[valid & truth], minlength=bins), np.bincount(stored[valid & ~truth], minlength=bins)
        )

    @classmethod
    def total(cls, parts: Iterable[Histogram]) -> Histogram:
        """Pool several images: pixels count alike, wherever they come from."""
        zero = np.zeros(STEPS + 1, dtype=np.int64)
        landslide, other = zero.copy(), zero
        for part in parts:
            landslide, other = landslide + part.landslide, other + part.other
        return cls(landslide, other)

    def scores(self, threshold: float) -> Scores:
        """Scores at a threshold."""
        lowest = stored_threshold(threshold)
        return Scores(
            true_positive=int(self.landslide[lowest:].sum()),
            false_positive=int(self.other[lowest:].sum()),
            false_negative=int(self.landslide[:lowest].sum()),
            true_negative=int(self.other[:lowest].sum()),
        )

    def best_threshold(self) -> float:
        """The threshold, a multiple of 0.01, of the best F1."""
        candidates = [step / 100 for step in range(5, 96)]
        return max(candidates, key=lambda threshold: self.scores(threshold).f1)

    def curve(self) -> tuple[Float64, Float64]:
        """Precision and recall, shape ``(255,)``, at each stored value taken as threshold; a ratio of nothing is 0."""
        hits = np.cumsum(self.landslide[::-1])[::-1]
        found = hits + np.cumsum(self.other[::-1])[::-1]
        return hits / np.maximum(found, 1), hits / max(int(self.landslide.sum()), 1)

    def average_precision(self) -> float:
        """Area under the precision-recall curve as a sum of steps, without interpolation; 0 without landslide."""
        precision, recall = self.curve()
        return float((precision * -np.diff(recall, append=0.0)).sum())


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of pixels and what the field calls them; a ratio of nothing is 0."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @classmethod
    def of(cls, found: Bools, truth: Bools, valid: Bools | None = None) -> Scores:
        """Count the pixels of one image, where ``valid`` if that is given; all arrays have one shape."""
        valid = np.ones(found.shape, dtype=bool) if valid is None else valid
        hits = int((found & truth & valid).sum())
        false = int((found & valid).sum()) - hits
        missed = int((truth & valid).sum()) - hits
        return cls(hits, false, missed, int(valid.sum()) - hits - false - missed)

    @classmethod
    def total(cls, parts: Iterable[Scores]) -> Scores:
        """Pool: count everything together."""
        counts = [(s.true_positive, s.false_positive, s.false_negative, s.true_negative) for s in parts]
        return cls(*(sum(column) for column in zip(*counts, strict=True))) if counts else cls(0, 0, 0, 0)

    @property
    def pixels(self) -> int:
        """All that was counted."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def found(self) -> int:
        """Pixels that were called landslide."""
        return self.true_positive + self.false_positive

    @property
    def true(self) -> int:
        """Pixels that are landslide."""
        return self.true_positive + self.false_negative

    @property
    def precision(self) -> float:
        """Part of what was found that is landslide."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Part of the landslide that was found."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, the Dice coefficient."""
        return _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def iou(self) -> float:
        """Intersection over union, the Jaccard index."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    @property
    def false_alarm(self) -> float:
        """Part of the area without landslide that was called landslide."""
        return _ratio(self.false_positive, self.false_positive + self.true_negative)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
