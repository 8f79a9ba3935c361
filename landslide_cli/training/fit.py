"""Runs a recipe: chips in, trained network out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import Tensor, nn

from landslide_cli.chips.chip import Chip
from landslide_cli.errors import TrainingDataError
from landslide_cli.extras import need
from landslide_cli.model.card import ModelCard
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.training.batches import Pool
from landslide_cli.training.callbacks import KeepLast, OnStep, Pictures, Report, without_lightnings_words
from landslide_cli.training.encoder_files import Origin
from landslide_cli.training.freezing import freeze_encoder
from landslide_cli.training.module import SegmentationTask
from landslide_cli.training.pictures import choose_pictured
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.split import Split
from landslide_cli.training.start import VALUE_RANGE, begin

LONGEST = 300
PRECISIONS = {"bfloat16": "bf16-mixed", "float32": "32-true"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a training runs on this machine; nothing but ``every`` changes its result on the CPU.

    Attributes:
        every: Steps between validations; 0 for a twelfth of all steps, 300 at most.
        save_every: Steps between checkpoints to go on from.
        workers: Loader processes.
        devices: GPUs (or, without any, processes) that share each batch.
        log_format: ``csv`` or ``tensorboard``.
        cache: Bytes for decoded chips.
    """

    every: int = 0
    save_every: int = 100
    workers: int = 0
    devices: int = 1
    log_format: str = "csv"
    cache: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network in eval mode, and what its card must say of it.

    Attributes:
        network: The network.
        mean: Mean of each band, for normalisation.
        std: Standard deviation of each band.
        step: The step whose weights these are.
        start: Card of the weights that training started from, if any.
        encoder: Where the encoder came from that training started from, if any.
    """

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    step: int = 0
    start: ModelCard | None = None
    encoder: Origin | None = None


@without_lightnings_words()
def fit(
    recipe: Recipe,
    split: Split,
    run_dir: Path,
    *,
    settings: Settings = Settings(),
    stop_at: int | None = None,
    on_step: OnStep | None = None,
) -> Trained:
    """Train by ``recipe``; goes on from ``run_dir/last.ckpt`` if it is there.

    Args:
        recipe: What is trained, on what, how long.
        split: Its chips; only the training and validation parts are read.
        run_dir: Folder for checkpoints, logs and pictures.
        settings: How it runs here.
        stop_at: Stop after this step of the recipe, to be gone on with later.
        on_step: Called after each step with steps done, steps in all and a note.

    Raises:
        TrainingDataError: ``patience`` without validation chips, a batch that the devices can't share, or a
            ``last.ckpt`` that no training wrote.
        ModelError: the weights to start from or the encoder don't fit.
        MissingExtraError: TensorBoard is asked for and isn't installed.
    """
    _refuse_misfits(recipe, split, settings)
    lightning.seed_everything(recipe.seed, verbose=False)
    pools, validation = _pools(recipe, split.training), _pools(recipe, split.validation)
    checked = [chip for pool in validation for chip in pool.chips]
    beginning = begin(recipe, pools, run_dir)
    task = SegmentationTask(
        beginning.network, Normalise(VALUE_RANGE, beginning.mean, beginning.std), recipe, pools, validation,
        workers=settings.workers, cache=settings.cache, teacher=_teacher(recipe),
    )  # fmt: skip
    before = {name: tensor.clone() for name, tensor in task.network.state_dict().items()} if recipe.start_share else {}
    if recipe.freeze == "encoder":
        task.resting = tuple(freeze_encoder(task.network))
        task.train()  # Lightning takes the modes as it finds them
    average = _average(recipe)
    task.pictured = frozenset(choose_pictured(checked))
    task.encoder = tuple(beginning.encoder.explained) if beginning.encoder else ()
    best = ModelCheckpoint(run_dir, filename="best-{step}", monitor="val_f1", mode="max", save_top_k=1)
    every = min(settings.every or min(LONGEST, max(2, recipe.steps // 12)), recipe.steps)
    busy = (every if checked else 0, recipe.hard_every)
    keep = KeepLast(run_dir / "last.ckpt", save_every=settings.save_every, busy_every=busy)
    stopping = EarlyStopping("val_f1", mode="max", patience=recipe.patience) if recipe.patience else None
    callbacks = [average, stopping, best, keep, Pictures(run_dir / "pictures"), Report(on_step)]
    trainer = _trainer(recipe, settings, run_dir, every if checked else 0, [one for one in callbacks if one], stop_at)
    resume = run_dir / "last.ckpt"
    if resume.exists():
        _refuse_foreign(resume)
    if trainer.is_global_zero:
        _announce(recipe, split, f"{settings.devices} × {trainer.strategy.root_device.type}", resume)
    trainer.fit(task, ckpt_path=resume if resume.exists() else None, weights_only=True)
    if not trainer.is_global_zero:
        raise SystemExit(0)  # the first process judges and writes; Lightning started the others for training only
    if average:
        # Lightning leaves this out where the checkpoint was that of the last step.
        average.on_train_end(trainer, task)
    step = trainer.global_step
    if recipe.patience and best.best_model_path:
        step = _take_best(task, Path(best.best_model_path))
    _blend(task.network, before, recipe.start_share)
    return Trained(task.network.eval(), beginning.mean, beginning.std, step, beginning.start, beginning.encoder)


def _trainer(
    recipe: Recipe, settings: Settings, run_dir: Path, every: int, callbacks: list[Callback], stop_at: int | None
) -> lightning.Trainer:
    """Lightning's trainer, which validates every so many steps; never if 0."""
    return lightning.Trainer(
        accelerator="auto",
        devices=settings.devices,
        strategy="ddp" if settings.devices > 1 else "auto",
        precision=PRECISIONS[recipe.precision],  # type: ignore[arg-type]
        max_steps=stop_at or recipe.steps,
        max_epochs=-1,
        val_check_interval=every or None,
        check_val_every_n_epoch=None,
        limit_val_batches=None if every else 0,
        num_sanity_val_steps=0,
        # A round of hard negatives is what Lightning calls an epoch.
        reload_dataloaders_every_n_epochs=1 if recipe.hard_every else 0,
        gradient_clip_val=1.0,
        log_every_n_steps=10,
        logger=_logger(settings.log_format, run_dir),
        callbacks=callbacks,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def _teacher(recipe: Recipe) -> nn.Module | None:
    """What the recipe learns from beside the masks: raw pixels to logits."""
    if not recipe.teacher:
        return None
    weights, card = find_model(recipe.teacher)
    return nn.Sequential(Normalise(VALUE_RANGE, card.mean, card.std), load_network(weights, card))


def _pools(recipe: Recipe, part: dict[str, list[Chip]]) -> list[Pool]:
    return [
        Pool(part[source.name], share=source.share, zoom=recipe.zoom_of(source), zooms=recipe.zooms_of(source))
        for source in recipe.sources
    ]


def _refuse_misfits(recipe: Recipe, split: Split, settings: Settings) -> None:
    if recipe.patience and not any(split.validation.values()):
        raise TrainingDataError("patience needs chips to validate on; name validation groups in the recipe")
    for batch in {phase.batch for phase in recipe.phases}:
        each, rest = divmod(batch, settings.devices)
        # Batch norm has nothing to compare a single crop with.
        if settings.devices > 1 and (rest or each < 2):
            raise TrainingDataError(
                f"a batch of {batch} can't be shared by {settings.devices} devices: each needs the same number of "
                "crops, two or more; change --devices or the recipe's batch"
            )


def _announce(recipe: Recipe, split: Split, where: str, resume: Path) -> None:
    counts = [sum(map(len, part.values())) for part in (split.training, split.validation, split.test)]
    logger.info("%s on %s, %s: %d steps; %d chips to train on, %d for validation, %d for test",
                recipe.network, where, recipe.precision, recipe.steps, *counts)  # fmt: skip
    if resume.exists():
        logger.info("going on from %s", resume)


def _average(recipe: Recipe) -> EMAWeightAveraging | None:
    if not recipe.ema_decay:
        return None
    return EMAWeightAveraging(decay=recipe.ema_decay, update_starting_at_step=min(100, recipe.steps // 10))


def _logger(log_format: str, run_dir: Path) -> Logger:
    if log_format == "csv":
        return CSVLogger(run_dir, name="log")
    need("tensorboard", extra="tensorboard", purpose="--logger tensorboard")
    return TensorBoardLogger(run_dir, name="tensorboard")


@torch.no_grad()
def _blend(network: nn.Module, before: dict[str, Tensor], share: float) -> None:
    """Move weights a part of the way back to those before training: Wortsman et al. 2022, "Robust fine-tuning"."""
    for name, tensor in network.state_dict().items():
        if name in before and tensor.is_floating_point():
            tensor.lerp_(before[name].to(tensor.device), share)


def _refuse_foreign(checkpoint: Path) -> None:
    """A pickle can run programs, so nothing but numbers, texts and containers is taken out of a checkpoint."""
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch, zipfile and pickle have a dozen ways to say it
        raise TrainingDataError(
            f"{checkpoint} is damaged, or holds more than a training writes, which isn't run; remove it to begin anew, "
            "or take another --run-dir"
        ) from error


def _take_best(task: SegmentationTask, path: Path) -> int:
    """Put the weights of the best validation into the task; give their step."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    task.load_state_dict(checkpoint["state_dict"])
    step: int = checkpoint["global_step"]
    return step
