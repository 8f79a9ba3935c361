"""Hard negatives: images without landslide that the network takes for landslide are drawn more often.

Shrivastava, Gupta, Girshick 2016, "Training region-based object detectors with online hard example mining",
choose the worst regions of each step. Here all images are scored now and then, at fixed steps, so that the
batch of a step still follows from the seed, the step and what the checkpoint holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_cli.errors import TrainingDataError
from landslide_cli.training.cache import ChipCache

Score = Callable[[NDArray[np.uint8], float], NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class Draws:
    """How likely each chip of each pool is drawn, once its pool is chosen.

    Attributes:
        since: The step from which this holds.
        chances: For each pool one probability a chip; they sum to one.
    """

    since: int
    chances: tuple[NDArray[np.float64], ...]

    def state(self) -> dict[str, Any]:
        """What goes into a checkpoint."""
        return {"since": self.since, "chances": [part.tolist() for part in self.chances]}

    @classmethod
    def restore(cls, state: dict[str, Any], sizes: Sequence[int]) -> Draws:
        """Read what `state` wrote.

        Raises:
            TrainingDataError: the pools have other sizes now.
        """
        chances = tuple(np.array(part) for part in state["chances"])
        if [len(part) for part in chances] != list(sizes):
            raise TrainingDataError(
                "the chips have changed since this training was stopped; take another --run-dir to begin anew"
            )
        return cls(state["since"], chances)


def score_pools(pools: Sequence[Any], cache: ChipCache, score: Score, *, since: int, hard_share: float) -> Draws:
    """Score every chip without landslide and make the worst more likely.

    The chips without landslide of a pool stay together as likely as they were: ``hard_share`` of that goes
    by score, the rest to all of them alike. Chips with landslide keep their chance.

    Args:
        pools: Pools of `landslide_cli.training.batches`.
        cache: Reads the chips.
        score: Takes pixels ``(height, width, 3)`` and the pool's zoom; gives probabilities ``(height, width)``. A
            chip's score is their mean where the truth is known.
        since: The step from which the draws will hold.
        hard_share: Between 0 and 1.
    """
    chances = []
    for pool in pools:
        scores = np.full(len(pool.chips), np.nan)
        for index, chip in enumerate(pool.chips):
            decoded = cache.read(chip)
            if not decoded.landslide.any():
                found = score(decoded.image, pool.zoom)[decoded.known]
                scores[index] = found.mean() if found.size else 0
        chances.append(_chances(scores, hard_share))
    return Draws(since, tuple(chances))


def _chances(scores: NDArray[np.float64], hard_share: float) -> NDArray[np.float64]:
    """Probabilities from scores; NaN stands for a chip with landslide."""
    chances = np.full(len(scores), 1 / len(scores))
    negative = ~np.isnan(scores)
    total = scores[negative].sum()
    if total > 0:
        mass = negative.sum() / len(scores)
        chances[negative] *= 1 - hard_share
        chances[negative] += hard_share * mass * scores[negative] / total
    # numpy insists on a sum of one to the last digits.
    return chances / chances.sum()
