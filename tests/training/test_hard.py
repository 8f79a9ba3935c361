from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from landslide_cli.errors import TrainingDataError
from landslide_cli.training.batches import Pool
from landslide_cli.training.cache import ChipCache
from landslide_cli.training.hard import Draws, score_pools


def test_the_worst_images_are_drawn_more_often_and_those_with_landslide_as_before(pools: list[Pool]) -> None:
    scores = iter([0.0, 0.0, 0.5, 0.1, 0.0, 0.4])

    def score(image: NDArray[np.uint8], zoom: float) -> NDArray[np.floating]:
        return np.full(image.shape[:2], next(scores))

    draws = score_pools(pools, ChipCache(0), score, since=10, hard_share=0.5)
    np.testing.assert_allclose(draws.chances[0], 1 / 6)
    np.testing.assert_allclose(draws.chances[1], 1 / 12 + np.array([0, 0, 0.5, 0.1, 0, 0.4]) / 2)
    again = Draws.restore(draws.state(), [6, 6])
    assert again.since == 10
    for one, other in zip(draws.chances, again.chances, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(TrainingDataError, match="the chips have changed"):
        Draws.restore(draws.state(), [6, 5])
