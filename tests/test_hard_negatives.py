from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from landslide_cli.chips.chip import Chip, find_chips
from landslide_cli.errors import TrainingDataError
from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.cache import ChipCache
from landslide_cli.training.hard import Draws, score_pools
from tests.conftest import write_chip
from tests.test_training import small_recipe


@pytest.fixture
def pools(tmp_path: Path) -> list[Pool]:
    for number in range(6):
        write_chip(tmp_path / "slides", f"s{number}", seed=number)
        write_chip(tmp_path / "others", f"o{number}", seed=number, masked=False)
    return [Pool(find_chips(tmp_path / "slides"), 0.7, 1.0), Pool(find_chips(tmp_path / "others"), 0.3, 1.0)]


def test_the_worst_images_are_drawn_more_often_and_those_with_landslide_as_before(pools: list[Pool]) -> None:
    scores = iter([0.0, 0.0, 0.5, 0.1, 0.0, 0.4])

    def score(image: NDArray[np.uint8], zoom: float) -> float:
        return next(scores)

    draws = score_pools(pools, ChipCache(0), score, since=10, hard_share=0.5)
    np.testing.assert_allclose(draws.chances[0], 1 / 6)
    np.testing.assert_allclose(draws.chances[1], 1 / 12 + np.array([0, 0, 0.5, 0.1, 0, 0.4]) / 2)
    again = Draws.restore(draws.state(), [6, 6])
    assert again.since == 10
    for one, other in zip(draws.chances, again.chances, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(TrainingDataError, match="the chips have changed"):
        Draws.restore(draws.state(), [6, 5])


def test_batches_follow_the_draws_and_the_device(pools: list[Pool]) -> None:
    recipe = small_recipe()
    alone = Draws(0, (np.eye(6)[2], np.eye(6)[4]))
    drawn = set()

    class Noting(ChipCache):
        def read(self, chip: Chip) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
            drawn.add(chip.image.stem)
            return super().read(chip)

    list(StepBatches(recipe, pools, draws=alone, cache=Noting(0)))
    assert drawn == {"s2", "o4"}
    one, two = (StepBatches(recipe, pools, rank=rank, ranks=2).batch(1)[0] for rank in range(2))
    assert len(one) == len(two) == 1
    assert not torch.equal(one, two)


def test_whole_chips_come_once_in_each_pass_on_all_devices_together(pools: list[Pool]) -> None:
    from dataclasses import replace

    from landslide_cli.training.recipe import Phase

    recipe = small_recipe(letterbox=40, phases=(Phase(6, 4, 40),), validation=(), test=())
    fitted = [replace(pool, chips=[replace(chip, letterbox=40) for chip in pool.chips]) for pool in pools]
    parts = [StepBatches(recipe, fitted, rank=rank, ranks=2) for rank in range(2)]
    for turn in range(2):
        steps = range(3 * turn, 3 * turn + 3)
        seen = [image.numpy().tobytes() for part in parts for step in steps for image in part.batch(step)[0]]
        assert len(set(seen)) == 12
    whole = StepBatches(recipe, fitted)
    together = torch.cat([part.batch(4)[0] for part in parts])
    assert torch.equal(whole.batch(4)[0], together)


def test_a_cache_keeps_what_fits_and_changes_nothing(pools: list[Pool]) -> None:
    chip = pools[0].chips[0]
    need = 50 * 60 * 4
    cache = ChipCache(need)
    first = cache.read(chip)
    assert cache.read(chip)[0] is first[0]
    other = pools[0].chips[1]
    assert cache.read(other)[0] is not cache.read(other)[0]
    recipe = small_recipe()
    for step in (0, 5):
        with_cache = StepBatches(recipe, pools, cache=ChipCache(1 << 20)).batch(step)
        without = StepBatches(recipe, pools).batch(step)
        assert torch.equal(with_cache[0], without[0])
