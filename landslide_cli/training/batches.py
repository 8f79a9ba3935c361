"""The stream of training batches: the batch of a step depends on the seed, the step and the device alone.

So a training that was stopped and resumed sees just what an unbroken one would have seen, with any
number of loader processes. Hard negatives change what is drawn at fixed steps; their `Draws` are part of
the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from landslide_cli.chips.chip import Chip
from landslide_cli.training.augment import Changes, Cut, cut, together
from landslide_cli.training.cache import ChipCache, Decoded
from landslide_cli.training.hard import Draws
from landslide_cli.training.recipe import Recipe


class Batch(NamedTuple):
    """Crops before they are changed, for `landslide_cli.training.changes.change`.

    Attributes:
        windows: uint8, ``(N, W, W, 4)``: red, green, blue, truth.
        changes: What is done to each; float32 tensors.
        size: Side of the crops.
        seed: Of what the device draws itself.
    """

    windows: Tensor
    changes: Changes
    size: int
    seed: int


class Whole(NamedTuple):
    """Whole letterboxed chips: uint8 ``(N, 3, S, S)``; float32 truth, and a weight as in `Crops`, ``(N, 1, S, S)``."""

    pixels: Tensor
    truth: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True)
class Pool:
    """Chips of one source, drawn from with probability ``share``.

    Attributes:
        chips: The chips.
        share: How likely a crop comes from here, beside the other pools' shares.
        zoom: Pixels of the network for each of a chip when chips are judged, before the recipe's own zoom.
        zooms: Smallest and largest of those in training, before the phase's zoom; ``zoom`` alone if None.
    """

    chips: Sequence[Chip]
    share: float
    zoom: float
    zooms: tuple[float, float] | None = None

    def zooms_at(self, zoom: float) -> tuple[float, float]:
        """Smallest and largest zoom of a crop in a phase."""
        low, high = self.zooms or (self.zoom, self.zoom)
        return low * zoom, high * zoom


class StepBatches(IterableDataset[Batch | Whole]):
    """Batches of the steps from ``first`` to before ``stop``.

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

    def __iter__(self) -> Iterator[Batch | Whole]:
        worker = get_worker_info()
        start, stride = self.first, 1
        if worker:
            start, stride = self.first + worker.id, worker.num_workers
            self.cache.divide(worker.num_workers)
        for step in range(start, self.stop, stride):
            yield self.batch(step)

    def batch(self, step: int) -> Batch | Whole:
        """Make this device's part of the batch of one step."""
        if self.recipe.letterbox:
            chips = list(self._whole(step))
            pixels = torch.from_numpy(np.stack([chip.image for chip in chips])).permute(0, 3, 1, 2)
            truth = torch.from_numpy(np.stack([chip.landslide for chip in chips])).float()[:, None]
            weight = torch.from_numpy(np.stack([chip.known for chip in chips])).float()[:, None]
            return Whole(pixels, truth, weight)
        windows, changes = together(list(self._crops(step)))
        seed = hash((self.recipe.seed, step, self.rank)) % 2**63
        return Batch(windows, changes, self.recipe.phase_at(step).size, seed)

    def _crops(self, step: int) -> Iterator[Cut]:
        """Crops from pools drawn by their shares."""
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
            chip = self.cache.read(pool.chips[index])
            zooms = pool.zooms_at(phase.zoom)
            yield cut(rng, chip, size=phase.size, zooms=zooms, augmentation=self.recipe.augmentation)

    def _whole(self, step: int) -> Iterator[Decoded]:
        """Whole chips: pass after pass over all of them, each pass in its own order."""
        chips = [chip for pool in self.pools for chip in pool.chips]
        batch = self.recipe.phase_at(step).batch
        share = batch // self.ranks
        start = step * batch + self.rank * share
        for place in range(start, start + share):
            turn, index = divmod(place, len(chips))
            order = np.random.default_rng((self.recipe.seed, turn)).permutation(len(chips))
            yield self.cache.read(chips[order[index]])
