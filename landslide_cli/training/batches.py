"""The stream of training batches: the batch of a step depends on the seed and the step alone.

So a training that was stopped and resumed sees just what an unbroken one would have seen, with any
number of loader processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from landslide_cli.training.augment import random_crop
from landslide_cli.training.chips import Chip
from landslide_cli.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Pool:
    """Chips of one source, drawn from with probability ``share``."""

    chips: Sequence[Chip]
    share: float
    zoom: float


class StepBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches from step ``first`` on, without end.

    Each is ``(images, masks)``: raw uint8 pixels ``(N, 3, S, S)`` and float32 truth ``(N, 1, S, S)``.
    """

    def __init__(self, recipe: Recipe, pools: Sequence[Pool], first: int = 0) -> None:
        super().__init__()
        self.recipe = recipe
        self.pools = [pool for pool in pools if pool.chips]
        shares = np.array([pool.share for pool in self.pools])
        self.shares = shares / shares.sum()
        self.first = first

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        start, stride = (self.first + worker.id, worker.num_workers) if worker else (self.first, 1)
        for step in range(start, self.recipe.steps, stride):
            yield self.batch(step)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Make the batch of one step."""
        phase = self.recipe.phase_at(step)
        images = np.empty((phase.batch, phase.size, phase.size, 3), dtype=np.uint8)
        masks = np.empty((phase.batch, phase.size, phase.size), dtype=bool)
        rng = np.random.default_rng((self.recipe.seed, step))
        for k, pool_index in enumerate(rng.choice(len(self.pools), size=phase.batch, p=self.shares)):
            pool = self.pools[pool_index]
            chip = pool.chips[int(rng.integers(len(pool.chips)))]
            image = chip.read_image()
            images[k], masks[k] = random_crop(
                rng,
                image,
                chip.read_mask(image.shape[:2]),
                size=phase.size,
                zoom=phase.zoom * pool.zoom,
                augmentation=self.recipe.augmentation,
            )
        return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(masks).float()[:, None]
