"""The stream of training batches: the batch of a step depends on the seed, the step and the device alone.

So a training that was stopped and resumed sees just what an unbroken one would have seen, with any
number of loader processes. Hard negatives change what is drawn at fixed steps; their `Draws` are part of
the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from landslide_cli.chips.chip import Chip
from landslide_cli.training.augment import cutmix, random_crop
from landslide_cli.training.cache import ChipCache
from landslide_cli.training.hard import Draws
from landslide_cli.training.recipe import Recipe

Pair = tuple[NDArray[np.uint8], NDArray[np.bool_]]
# Tells the random numbers of the boxes from those of the crops.
CUTMIX = 1


@dataclass(frozen=True, slots=True)
class Pool:
    """Chips of one source, drawn from with probability ``share``."""

    chips: Sequence[Chip]
    share: float
    zoom: float


class StepBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches of the steps from ``first`` to before ``stop``.

    Each is ``(images, masks)``: raw uint8 pixels ``(N, 3, S, S)`` and float32 truth ``(N, 1, S, S)``.

    Args:
        recipe: What is trained.
        pools: Its chips; empty pools are passed over.
        first: Step of the first batch.
        stop: One past the last step; the recipe's end if None.
        draws: What hard negatives changed, in the order of the pools that aren't empty.
        cache: Reads the chips; one that keeps nothing if None.
        rank: Number of this device.
        ranks: Devices that share each batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        pools: Sequence[Pool],
        first: int = 0,
        *,
        stop: int | None = None,
        draws: Draws | None = None,
        cache: ChipCache | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.pools = [pool for pool in pools if pool.chips]
        shares = np.array([pool.share for pool in self.pools])
        self.shares = shares / shares.sum()
        self.first = first
        self.stop = recipe.steps if stop is None else stop
        self.draws = draws
        self.cache = cache or ChipCache(0)
        self.rank = rank
        self.ranks = ranks

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        start, stride = self.first, 1
        if worker:
            start, stride = self.first + worker.id, worker.num_workers
            self.cache.divide(worker.num_workers)
        for step in range(start, self.stop, stride):
            yield self.batch(step)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Make this device's part of the batch of one step."""
        pairs = self._whole(step) if self.recipe.letterbox else self._crops(step)
        images, masks = zip(*pairs, strict=True)
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        return pixels, torch.from_numpy(np.stack(masks)).float()[:, None]

    def _crops(self, step: int) -> Iterator[Pair]:
        """Augmented crops, some with a box of their neighbour in the batch."""
        crops = list(self._drawn(step))
        chance = self.recipe.augmentation.cutmix
        if not chance:
            return iter(crops)
        rng = np.random.default_rng((self.recipe.seed, step, self.rank, CUTMIX))
        return (cutmix(rng, crop, crops[place - 1], chance=chance) for place, crop in enumerate(crops))

    def _drawn(self, step: int) -> Iterator[Pair]:
        """Augmented crops, from pools drawn by their shares."""
        phase = self.recipe.phase_at(step)
        # The first device draws what a single one would.
        seed = (self.recipe.seed, step, self.rank) if self.rank else (self.recipe.seed, step)
        rng = np.random.default_rng(seed)
        for number in rng.choice(len(self.pools), size=phase.batch // self.ranks, p=self.shares):
            pool = self.pools[number]
            if self.draws is None:
                index = int(rng.integers(len(pool.chips)))
            else:
                index = int(rng.choice(len(pool.chips), p=self.draws.chances[number]))
            image, mask = self.cache.read(pool.chips[index])
            yield random_crop(
                rng, image, mask,
                size=phase.size, zoom=phase.zoom * pool.zoom, augmentation=self.recipe.augmentation,
            )  # fmt: skip

    def _whole(self, step: int) -> Iterator[Pair]:
        """Whole chips: pass after pass over all of them, each pass in its own order."""
        chips = [chip for pool in self.pools for chip in pool.chips]
        batch = self.recipe.phase_at(step).batch
        share = batch // self.ranks
        start = step * batch + self.rank * share
        for place in range(start, start + share):
            turn, index = divmod(place, len(chips))
            order = np.random.default_rng((self.recipe.seed, turn)).permutation(len(chips))
            yield self.cache.read(chips[order[index]])
