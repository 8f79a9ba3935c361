from __future__ import annotations

import torch

from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.cache import ChipCache
from tests.training.conftest import small_recipe


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
