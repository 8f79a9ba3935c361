"""How many landslides were found: objects matched one to one by their intersection over union."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from landslide_cli.metrics.scores import Scores
from landslide_cli.typing import Bools, Int32

IOUS = (0.1, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """Objects found, objects of the truth, and for each of ``IOUS`` how many pairs there are."""

    found: int
    true: int
    matched: tuple[int, ...]

    @classmethod
    def total(cls, parts: Iterable[ObjectCounts]) -> ObjectCounts:
        """Objects of several images together."""
        found, true, matched = 0, 0, np.zeros(len(IOUS), dtype=np.int64)
        for part in parts:
            found, true, matched = found + part.found, true + part.true, matched + part.matched
        return cls(found, true, tuple(int(count) for count in matched))

    def scores(self, at: int) -> Scores:
        """Scores of objects instead of pixels at ``IOUS[at]``; there are no true negatives."""
        pairs = self.matched[at]
        return Scores(pairs, self.found - pairs, self.true - pairs, 0)


@dataclass(slots=True)
class Overlaps:
    """Pixels of every object and of every pair that overlaps, gathered part by part."""

    found: Counter[int] = field(default_factory=Counter)
    true: Counter[int] = field(default_factory=Counter)
    both: Counter[tuple[int, int]] = field(default_factory=Counter)

    def add(self, found: Int32, true: Int32) -> None:
        """Count a part of an image.

        Args:
            found: Number of the object at each pixel, 0 where there is none; an object keeps its
                number in every part.
            true: The same of the truth, of one shape with ``found``.
        """
        here = (found > 0) & (true > 0)
        _count(self.found, found[found > 0])
        _count(self.true, true[true > 0])
        pairs, counts = np.unique(np.stack([found[here], true[here]], axis=1), axis=0, return_counts=True)
        for (one, other), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            self.both[one, other] += count

    def counts(self) -> ObjectCounts:
        """Match found to true objects one to one, as many pairs as can be made at each IoU.

        A pair needs an intersection over union of at least the IoU asked for. Where an object could be
        paired with several, the pairs are chosen so that their number is largest (Hopcroft and Karp 1973);
        from 0.5 up there is hardly a choice. At a lower IoU one wide polygon over three slides still
        counts as one pair.
        """
        row_of = {number: row for row, number in enumerate(self.found)}
        col_of = {number: col for col, number in enumerate(self.true)}
        rows = np.array([row_of[one] for one, _ in self.both], dtype=np.int32)
        cols = np.array([col_of[other] for _, other in self.both], dtype=np.int32)
        iou = np.array([n / (self.found[one] + self.true[other] - n) for (one, other), n in self.both.items()])
        matched = []
        for least in IOUS:
            enough = iou >= least
            if not enough.any():
                matched.append(0)
                continue
            graph = csr_array(
                (np.ones(int(enough.sum()), dtype=np.int8), (rows[enough], cols[enough])),
                shape=(len(row_of), len(col_of)),
            )
            matched.append(int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum()))
        return ObjectCounts(len(row_of), len(col_of), tuple(matched))


def _labelled(mask: Bools) -> Int32:
    labels = np.empty(mask.shape, dtype=np.int32)
    ndimage.label(mask, output=labels)
    return labels


def _count(counter: Counter[int], numbers: Int32) -> None:
    values, counts = np.unique(numbers, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        counter[value] += count


def match_components(found: Bools, truth: Bools) -> ObjectCounts:
    """Match the components of two masks of shape ``(height, width)``; pixels that share an edge are connected."""
    overlaps = Overlaps()
    overlaps.add(_labelled(found), _labelled(truth))
    return overlaps.counts()
