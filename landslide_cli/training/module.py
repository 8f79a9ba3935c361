"""The training step, the validation and the loaders, as Lightning wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryF1Score, BinaryPrecision, BinaryRecall

from landslide_cli.chips.chip import Chip
from landslide_cli.chips.decode import LANDSLIDE, UNKNOWN
from landslide_cli.model.normalise import Normalise
from landslide_cli.networks.blocks import pad_to_multiple
from landslide_cli.tiling.resampling import seen_size
from landslide_cli.training.batches import Batch, Pool, StepBatches, Whole
from landslide_cli.training.cache import ChipCache
from landslide_cli.training.changes import Crops, change
from landslide_cli.training.hard import Draws, score_pools
from landslide_cli.training.losses import LOSSES
from landslide_cli.training.optimize import make_optimizer, make_schedule
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.rounding import Rounding

SMALLEST = 32
DRAWS, RANGES = "hard_negatives", "ranges_of_activations"


@dataclass(frozen=True, slots=True)
class Seen:
    """A validation chip as it was answered: pixels ``(3, H, W)``, truth and probability ``(H, W)``."""

    pixels: Tensor
    truth: Tensor
    probability: Tensor


class WholeChips(Dataset[tuple[Tensor, Tensor, Tensor, float]]):
    """Whole chips for validation: raw pixels ``(3, H, W)``, truth and where it is known ``(1, H, W)``, their zoom."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self.chips: list[tuple[Chip, float]] = [(chip, pool.zoom) for pool in pools for chip in pool.chips]

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, float]:
        chip, zoom = self.chips[index]
        image = chip.read_image()
        truth = torch.from_numpy(chip.read_truth(image.shape[:2]))[None]
        return torch.tensor(image).permute(2, 0, 1), truth == LANDSLIDE, truth != UNKNOWN, zoom


class SegmentationTask(lightning.LightningModule):
    """Trains one network by a recipe.

    Args:
        network: In training mode.
        normalise: From raw pixels to what the network takes.
        teacher: Gives logits of raw pixels, to learn from beside the masks.
        recipe: How it is trained.
        pools: Chips to train on, source by source.
        validation: Chips to validate on.
        workers: Loader processes.
        cache: Bytes for decoded chips.

    Attributes:
        encoder: Layers that learn at the encoder's rate.
        resting: Modules that stay in eval mode.
        pictured: Numbers of the validation chips that are kept in ``seen`` for pictures.
    """

    def __init__(
        self,
        network: nn.Module,
        normalise: Normalise,
        recipe: Recipe,
        pools: Sequence[Pool],
        validation: Sequence[Pool],
        *,
        workers: int = 0,
        cache: int = 0,
        teacher: nn.Module | None = None,
    ) -> None:
        super().__init__()
        # In a list it is no part of this module: neither trained nor averaged nor kept in checkpoints.
        self.teachers = [teacher.eval().requires_grad_(requires_grad=False)] if teacher else []
        self.network = network
        self.normalise = normalise
        self.recipe = recipe
        self.pools = [pool for pool in pools if pool.chips]
        self.validation = validation
        self.workers = workers
        self.cache = ChipCache(cache)
        self.draws: Draws | None = None
        self.pictured: frozenset[int] = frozenset()
        self.seen: list[Seen] = []
        self.encoder: tuple[str, ...] = ()
        self.rounding = Rounding(network) if recipe.rounded_from < 1 else None
        self.resting: tuple[nn.Module, ...] = ()
        self.loss = LOSSES[recipe.loss]
        self.scores = MetricCollection(
            {"val_f1": BinaryF1Score(), "val_precision": BinaryPrecision(), "val_recall": BinaryRecall()}
        )

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for module in self.resting:
            module.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels ``(N, C, H, W)`` to logits ``(N, 1, H, W)``."""
        x = self.normalise(pixels).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(x)
        return logits

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        if isinstance(batch, Batch):
            # In one line with the pixels' mean, which is what `detect` puts where a scene has none.
            fill = -self.normalise.shift.flatten() / self.normalise.scale.flatten()
            return change(batch.windows, batch.changes, size=int(batch.size), fill=fill.round(), seed=int(batch.seed))
        if isinstance(batch, Whole):
            return Crops(*batch)
        return batch

    def training_step(self, batch: Crops, batch_index: int) -> Tensor:
        # What dropout leaves out follows from the step as well, not from what came before.
        torch.manual_seed(hash((self.recipe.seed, self.trainer.global_step, self.trainer.global_rank)) % 2**63)
        if self.rounding:
            self.rounding.active = self.trainer.global_step >= self.recipe.rounded_from * self.recipe.steps
        loss = self.loss(self(batch.pixels), self._taught(batch), batch.weight)
        self.log("loss", loss)
        return loss

    @torch.no_grad()
    def _taught(self, batch: Crops) -> Tensor:
        """The truth, a part of it as the teacher says."""
        if not self.teachers:
            return batch.truth
        answer = torch.sigmoid(self.teachers[0].to(self.device)(batch.pixels).float())
        share = self.recipe.teacher_share
        return share * answer + (1 - share) * batch.truth

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor, Tensor], batch_index: int) -> None:
        pixels, truth, known, zoom = batch
        probability = self.probability(pixels, float(zoom) * self.recipe.zoom)
        self.scores.update(probability[known], truth[known])
        if batch_index in self.pictured:
            self.seen.append(Seen(pixels[0].cpu(), truth[0, 0].cpu(), probability[0, 0].cpu()))

    def probability(self, pixels: Tensor, zoom: float) -> Tensor:
        """Probabilities of whole chips at their own size, seen at a zoom."""
        height, width = pixels.shape[-2:]
        size = seen_size(height, width, zoom, SMALLEST)
        seen = F.interpolate(pixels.float(), size, mode="bilinear", antialias=True)
        logits = self(pad_to_multiple(seen, SMALLEST))[..., : size[0], : size[1]].float()
        return torch.sigmoid(F.interpolate(logits, (height, width), mode="bilinear"))

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.scores.compute(), sync_dist=True)
        self.scores.reset()

    def configure_optimizers(self) -> Any:
        optimizer = make_optimizer(self.recipe, self.network, encoder=self.encoder)
        schedule = make_schedule(self.recipe, optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> DataLoader[Batch | Whole]:
        # The loader is asked for after a checkpoint is restored, so it begins where that one ended; and
        # again at the end of each round of hard negatives.
        step, stop = self.trainer.global_step, None
        if self.recipe.hard_every:
            since = step - step % self.recipe.hard_every
            stop = min(since + self.recipe.hard_every, self.recipe.steps)
            if since and (self.draws is None or self.draws.since != since):
                self.draws = self.trainer.strategy.broadcast(
                    self._score(since) if self.trainer.is_global_zero else None
                )
        batches = StepBatches(
            self.recipe, self.pools, step, stop=stop, draws=self.draws, cache=self.cache,
            rank=self.trainer.global_rank, ranks=self.trainer.world_size,
        )  # fmt: skip
        pinned = self.device.type == "cuda"
        return DataLoader(batches, batch_size=None, num_workers=self.workers, pin_memory=pinned)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, Tensor, Tensor, float]]:
        return DataLoader(WholeChips(self.validation), batch_size=1, num_workers=self.workers)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.draws is not None:
            checkpoint[DRAWS] = self.draws.state()
        if self.rounding:
            checkpoint[RANGES] = self.rounding.ranges.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if DRAWS in checkpoint:
            self.draws = Draws.restore(checkpoint[DRAWS], [len(pool.chips) for pool in self.pools])
        if self.rounding and RANGES in checkpoint:
            self.rounding.ranges = torch.tensor(checkpoint[RANGES])

    @torch.no_grad()
    def _score(self, since: int) -> Draws:
        """Look for landslides in the training images that hold none."""
        zoom = self.recipe.phase_at(since).zoom

        def score(image: NDArray[np.uint8], source_zoom: float) -> NDArray[np.floating]:
            pixels = torch.tensor(image, device=self.device).permute(2, 0, 1)[None]
            with self.trainer.precision_plugin.forward_context():
                return self.probability(pixels, zoom * source_zoom)[0, 0].cpu().numpy()

        self.network.eval()
        draws = score_pools(self.pools, self.cache, score, since=since, hard_share=self.recipe.hard_share)
        self.train()
        return draws
