"""What happens beside the training: checkpoints to go on from, reports, pictures of validation chips."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from landslide_cli.training.module import SegmentationTask
from landslide_cli.training.pictures import contact_sheet

logger = logging.getLogger(__name__)

LIGHTNING = "lightning.pytorch"
OnStep = Callable[[int, int, str], None]


@contextmanager
def without_lightnings_words() -> Iterator[None]:
    """Leave out what Lightning logs and warns of its own workings: what matters to a user, our own lines tell."""
    logger = logging.getLogger(LIGHTNING)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        logger.setLevel(before)


class KeepLast(Callback):
    """Writes the checkpoint that a stopped training goes on from, every ``save_every`` steps.

    Lightning's own callback can leave half a file after a kill, and a checkpoint of a step on which a
    validation or a new round of hard negatives falls would leave that out on resuming. So the file gets its
    name when it is complete, and such steps pass the checkpoint on to the next one.
    """

    def __init__(self, path: Path, *, save_every: int, busy_every: tuple[int, ...]) -> None:
        self.path = path
        self.save_every = save_every
        self.busy_every = busy_every
        self.due = False

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        step = trainer.global_step
        self.due |= step % self.save_every == 0
        if self.due and all(step % every for every in self.busy_every if every):
            part = self.path.with_suffix(".part")
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                part.replace(self.path)
            self.due = False


class Report(Callback):
    """Tells how the training goes: steps to ``on_step(done, total, note)``, each validation to the log."""

    def __init__(self, on_step: OnStep | None) -> None:
        self.on_step = on_step
        self.f1 = ""
        self.told = 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        # Asking a GPU for the loss makes it wait, so not at each step.
        if self.on_step and trainer.is_global_zero and time.monotonic() > self.told + 0.5:
            self.told = time.monotonic()
            loss = float(trainer.callback_metrics.get("loss", 0))
            step, steps = trainer.global_step, trainer.max_steps
            self.on_step(step, steps, f"step {step} of {steps}, loss {loss:.3f}{self.f1}")

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        f1, precision, recall = (float(trainer.callback_metrics[f"val_{k}"]) for k in ("f1", "precision", "recall"))
        self.f1 = f", validation F1 {f1:.3f}"
        if trainer.is_global_zero:
            logger.info(
                "step %d of %d: validation F1 %.4f (precision %.4f, recall %.4f)",
                trainer.global_step, trainer.max_steps, f1, precision, recall,
            )  # fmt: skip


class Pictures(Callback):
    """Writes a picture of some validation chips with truth and prediction after each validation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, SegmentationTask)
        if pl_module.seen and trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            contact_sheet(pl_module.seen).save(self.folder / f"step-{trainer.global_step:06d}.png")
        pl_module.seen.clear()
