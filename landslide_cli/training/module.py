"""The training step, the schedule and the validation, as Lightning wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryF1Score, BinaryPrecision, BinaryRecall

from landslide_cli.model.blocks import pad_to_multiple
from landslide_cli.model.normalise import Normalise
from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.chips import Chip
from landslide_cli.training.losses import bce_dice_loss
from landslide_cli.training.recipe import Recipe

SMALLEST = 32


class WholeChips(Dataset[tuple[Tensor, Tensor]]):
    """Whole chips for validation: raw pixels ``(3, H, W)`` and truth ``(1, H, W)``."""

    def __init__(self, chips: Sequence[Chip]) -> None:
        self.chips = chips

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.chips[index].read_image()
        mask = self.chips[index].read_mask(image.shape[:2])
        return torch.tensor(image).permute(2, 0, 1), torch.tensor(mask)[None]


class SegmentationTask(lightning.LightningModule):
    """Trains one network by a recipe."""

    def __init__(
        self,
        network: nn.Module,
        normalise: Normalise,
        recipe: Recipe,
        pools: Sequence[Pool],
        validation: Sequence[Chip],
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.normalise = normalise
        self.recipe = recipe
        self.pools = pools
        self.validation = validation
        self.workers = workers
        self.scores = MetricCollection(
            {"val_f1": BinaryF1Score(), "val_precision": BinaryPrecision(), "val_recall": BinaryRecall()}
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Raw pixels ``(N, C, H, W)`` to logits ``(N, 1, H, W)``."""
        x = self.normalise(pixels).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(x)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        pixels, truth = batch
        loss = bce_dice_loss(self(pixels), truth)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        pixels, truth = batch
        height, width = truth.shape[-2:]
        zoom = self.recipe.zoom
        size = max(SMALLEST, round(height * zoom)), max(SMALLEST, round(width * zoom))
        seen = F.interpolate(pixels.float(), size, mode="bilinear", antialias=True)
        logits = self(pad_to_multiple(seen, SMALLEST))[..., : size[0], : size[1]].float()
        probability = torch.sigmoid(F.interpolate(logits, (height, width), mode="bilinear"))
        self.scores.update(probability.flatten(), truth.flatten())

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.scores.compute(), prog_bar=True)
        self.scores.reset()

    def configure_optimizers(self) -> Any:
        """AdamW without decay on biases and norms; linear warm-up, then a cosine to one hundredth."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.recipe.learning_rate,
        )
        warmup = max(1, round(self.recipe.warmup * self.recipe.steps))

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            done = (step - warmup) / max(1, self.recipe.steps - warmup)
            return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        # The loader is asked for after a checkpoint is restored, so it begins where that one ended.
        batches = StepBatches(self.recipe, self.pools, first=self.trainer.global_step)
        return DataLoader(batches, batch_size=None, num_workers=self.workers)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        return DataLoader(WholeChips(self.validation), batch_size=1, num_workers=self.workers)
