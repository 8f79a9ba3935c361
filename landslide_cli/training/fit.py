"""Runs a recipe: chips in, trained network out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from landslide_cli.errors import TrainingDataError
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.registry import build_network
from landslide_cli.training.batches import Pool
from landslide_cli.training.chips import Chip, find_chips, split_chips
from landslide_cli.training.module import SegmentationTask
from landslide_cli.training.recipe import Recipe

VALUE_RANGE = (0.0, 255.0)


@dataclass(frozen=True, slots=True)
class Split:
    """The chips of a recipe, source by source, in their three parts."""

    training: dict[str, list[Chip]]
    validation: dict[str, list[Chip]]
    test: dict[str, list[Chip]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network in eval mode, and what its card must say of normalisation."""

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]


def split_sources(recipe: Recipe, data: Path) -> Split:
    """Find the chips of every source below ``data`` and split them by group.

    Raises:
        TrainingDataError: a folder can't be used, or nothing is left for training.
    """
    split = Split({}, {}, {})
    for source in recipe.sources:
        parts = split_chips(find_chips(data / source.path), validation=recipe.validation, test=recipe.test)
        for part, chips in zip((split.training, split.validation, split.test), parts, strict=True):
            part[source.name] = chips
    if not any(split.training.values()):
        raise TrainingDataError(f"{data}: every group is held out; leave some for training in the recipe")
    return split


def fit(
    recipe: Recipe,
    split: Split,
    run_dir: Path,
    *,
    every: int = 300,
    save_every: int = 100,
    workers: int = 0,
    stop_at: int | None = None,
) -> Trained:
    """Train by ``recipe``; goes on from ``run_dir/last.ckpt`` if it is there.

    Args:
        recipe: What is trained, on what, how long.
        split: Its chips; only the training and validation parts are read.
        run_dir: Folder for checkpoints and logs.
        every: Steps between validations.
        save_every: Steps between checkpoints to go on from.
        workers: Loader processes.
        stop_at: Stop after this step of the recipe, to be gone on with later.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    pools = [Pool(split.training[source.name], share=source.share, zoom=source.zoom) for source in recipe.sources]
    mean, std = pixel_statistics([chip for pool in pools for chip in pool.chips], seed=recipe.seed)
    validation = [chip for chips in split.validation.values() for chip in chips]
    task = SegmentationTask(
        build_network(recipe.network, **recipe.arguments),
        Normalise(VALUE_RANGE, mean, std),
        recipe,
        pools,
        validation,
        workers,
    )
    average = EMAWeightAveraging(decay=recipe.ema_decay, update_starting_at_step=min(100, recipe.steps // 2))
    # Two files: one by validation that stays, one by the clock for going on after a kill.
    best = ModelCheckpoint(run_dir, filename="best-{step}", monitor="val_f1", mode="max", save_top_k=1)
    last = ModelCheckpoint(run_dir, filename="last", every_n_train_steps=save_every, enable_version_counter=False)
    trainer = lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision="bf16-mixed",
        max_steps=stop_at or recipe.steps,
        max_epochs=-1,
        val_check_interval=min(every, recipe.steps) if validation else None,
        check_val_every_n_epoch=None,
        limit_val_batches=None if validation else 0,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        log_every_n_steps=10,
        logger=CSVLogger(run_dir, name="log"),
        callbacks=[average, best, last],
        enable_model_summary=False,
    )
    resume = run_dir / "last.ckpt"
    trainer.fit(task, ckpt_path=resume if resume.exists() else None, weights_only=False)
    return Trained(task.network.eval(), mean, std)


def pixel_statistics(
    chips: Sequence[Chip], *, seed: int, sample: int = 200
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each band over a sample of chips, as parts of the value range."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(chips), size=min(sample, len(chips)), replace=False)
    total, squares, count = np.zeros(3), np.zeros(3), 0
    for index in chosen:
        pixels = chips[index].read_image().reshape(-1, 3) / VALUE_RANGE[1]
        total += pixels.sum(axis=0)
        squares += (pixels**2).sum(axis=0)
        count += len(pixels)
    mean = total / count
    std = np.sqrt(squares / count - mean**2)
    return tuple(round(float(v), 4) for v in mean), tuple(round(float(v), 4) for v in std)
