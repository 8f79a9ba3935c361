from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from scipy.ndimage import maximum_filter

from landslide_cli.chips.chip import Chip, find_chips
from landslide_cli.chips.decode import UNKNOWN
from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.cache import IGNORED, LANDSLIDE, ChipCache, decode
from landslide_cli.training.changes import change
from landslide_cli.training.defaults import PLAIN
from landslide_cli.training.hard import score_pools
from landslide_cli.training.losses import LOSSES
from landslide_cli.training.recipe import Phase
from tests.conftest import TRANSFORM, UTM
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


@pytest.fixture
def half_known(tmp_path: Path) -> Chip:
    """A chip of which only the left third was checked; a landslide lies there."""
    truth = np.full((60, 90), UNKNOWN, np.uint8)
    truth[:, :30], truth[20:40, 10:25] = 0, 1
    for kind, array in (("image", np.zeros((3, 60, 90), np.uint8)), ("mask", truth[None])):
        (tmp_path / kind).mkdir()
        with rasterio.open(
            tmp_path / kind / "c.tif", "w", driver="GTiff", count=len(array), height=60, width=90, dtype="uint8",
            nodata=UNKNOWN if kind == "mask" else None, crs=UTM, transform=TRANSFORM,
        ) as dst:  # fmt: skip
            dst.write(array)
    (chip,) = find_chips(tmp_path)
    return chip


def test_what_nobody_checked_is_ignored(half_known: Chip) -> None:
    decoded = decode(half_known)
    marks = half_known.read_truth((60, 90))
    np.testing.assert_array_equal(decoded.known, marks != UNKNOWN)
    np.testing.assert_array_equal(decoded.landslide, marks == 1)
    scored = score_pools(
        [Pool([replace(half_known, mask=None), half_known], 1, 1.0)],
        ChipCache(0),
        lambda image, zoom: np.ones(image.shape[:2]),
        since=1,
        hard_share=1.0,
    )
    np.testing.assert_allclose(scored.chances[0], 0.5)


def test_no_crop_of_a_chip_teaches_what_nobody_checked_and_every_crop_teaches_something(half_known: Chip) -> None:
    """Whether it is cut out or letterboxed."""
    recipe = small_recipe(augmentation=PLAIN, phases=(Phase(12, 4, 32),))
    batches = StepBatches(recipe, [Pool([half_known], 1, 1.0)])
    unknown = 0
    for step in range(12):
        batch = batches.batch(step)
        crops = change(batch.windows, batch.changes, size=32, fill=torch.zeros(3), seed=0)
        assert (crops.weight.sum(dim=(1, 2, 3)) > 0).all()
        unknown += int((crops.weight == 0).sum())
        assert (crops.truth[crops.weight == 0] == 0).all()
    assert unknown
    boxed = replace(half_known, letterbox=96)
    whole = StepBatches(small_recipe(letterbox=96, phases=(Phase(1, 2, 96),)), [Pool([boxed], 1, 1.0)]).batch(0)
    assert whole.weight[0, 0].sum() == 96 * 96 - 60 * 60
    assert whole.truth[0, 0].sum() == 20 * 15


def test_losses_know_nothing_of_what_nobody_checked(half_known: Chip) -> None:
    logits = torch.randn(1, 1, 60, 90)
    marks = torch.from_numpy(half_known.read_truth((60, 90)))[None, None]
    truth, weight = (marks == 1).float(), (marks != UNKNOWN).float()
    other = torch.where(weight > 0, logits, torch.randn_like(logits) * 9)
    for loss in LOSSES.values():
        assert loss(logits, truth, weight) == loss(other, truth, weight)
