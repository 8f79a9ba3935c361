from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from landslide_cli.chips.chip import Chip, find_chips
from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.cache import ChipCache, Decoded
from landslide_cli.training.hard import Draws
from landslide_cli.training.recipe import Phase
from tests.training.conftest import small_recipe


def test_batches_follow_the_draws_and_the_device(pools: list[Pool]) -> None:
    recipe = small_recipe()
    alone = Draws(0, (np.eye(6)[2], np.eye(6)[4]))
    drawn = set()

    class Noting(ChipCache):
        def read(self, chip: Chip) -> Decoded:
            drawn.add(chip.image.stem)
            return super().read(chip)

    list(StepBatches(recipe, pools, draws=alone, cache=Noting(0)))
    assert drawn == {"s2", "o4"}
    one, two = (StepBatches(recipe, pools, rank=rank, ranks=2).batch(1)[0] for rank in range(2))
    assert len(one) == len(two) == 1
    assert not torch.equal(one, two)


def test_whole_chips_come_once_in_each_pass_on_all_devices_together(pools: list[Pool]) -> None:
    from dataclasses import replace

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


def test_sources_are_seen_at_their_metres(data: Path) -> None:
    """Of a pool with zooms, every crop is cut at one of them."""
    pools = [Pool(find_chips(data / "slides"), 1.0, 1.0, zooms=(0.5, 2.0))]
    batches = list(StepBatches(small_recipe(phases=(Phase(40, 4, 32),)), pools))
    ratios = torch.cat([batch.changes.geometry[:, :, :2].norm(dim=1)[:, 0] for batch in batches])
    assert ratios.min() >= 0.5
    assert ratios.max() <= 1.41  # two pixels of the chip are one of its next level
    assert ratios.log().std() > 0.2


def test_the_batch_of_a_step_depends_on_seed_and_step_alone(data: Path) -> None:
    recipe = small_recipe()
    pools = [Pool(find_chips(data / "slides"), 0.7, 1.0), Pool(find_chips(data / "others"), 0.3, 1.0)]
    unbroken = list(StepBatches(recipe, pools))
    resumed = list(StepBatches(recipe, pools, first=3))
    assert len(unbroken) == recipe.steps
    assert [batch.size for batch in unbroken] == [32] * 4 + [48] * 3
    for one, other in zip(unbroken[3:], resumed, strict=True):
        assert torch.equal(one.windows, other.windows)
        assert all(torch.equal(this, that) for this, that in zip(one.changes, other.changes, strict=True))
        assert one.seed == other.seed
    assert not torch.equal(unbroken[0][0], unbroken[1][0])
