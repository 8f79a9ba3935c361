from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import maximum_filter

from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.cache import IGNORED, LANDSLIDE, ChipCache, decode
from tests.training.conftest import small_recipe

# Two steps of a king who may not go askew.
DIAMOND = np.add.outer(abs(np.arange(-2, 3)), abs(np.arange(-2, 3))) <= 2


def test_a_cache_keeps_what_fits_and_changes_nothing(pools: list[Pool]) -> None:
    chip = pools[0].chips[0]
    cache = ChipCache(decode(chip).bytes)
    assert cache.read(chip) is cache.read(chip)
    other = pools[0].chips[1]
    assert cache.read(other) is not cache.read(other)
    recipe = small_recipe()
    for step in (0, 5):
        with_cache = StepBatches(recipe, pools, cache=ChipCache(1 << 20)).batch(step)
        without = StepBatches(recipe, pools).batch(step)
        assert torch.equal(with_cache.windows, without.windows)


def test_each_level_holds_the_means_of_the_one_before(pools: list[Pool]) -> None:
    levels = decode(pools[0].chips[0]).levels
    assert len(levels) > 1
    for fine, coarse in pairwise(levels):
        height, width = (n // 2 * 2 for n in fine.shape[:2])
        means = fine[:height, :width].reshape(height // 2, 2, width // 2, 2, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(coarse[: height // 2, : width // 2], means, atol=0.51)


def test_the_rim_of_a_landslide_is_ignored_and_nothing_else(pools: list[Pool]) -> None:
    chip = replace(pools[0].chips[0], rim=2)
    mask = chip.read_mask(chip.size())
    truth = decode(chip).levels[0][..., 3]
    near = maximum_filter(mask, footprint=DIAMOND) & maximum_filter(~mask, footprint=DIAMOND)
    np.testing.assert_array_equal(truth == IGNORED, near)
    np.testing.assert_array_equal(truth[~near] == LANDSLIDE, mask[~near])
