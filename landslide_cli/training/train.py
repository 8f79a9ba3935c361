"""From a recipe and a folder of chips to weights and the card that describes them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from landslide_cli import __version__
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.errors import OutputError
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.metrics.scores import Histogram
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import load_network, write_weights
from landslide_cli.training.fit import VALUE_RANGE, Split, Trained, fit, split_sources
from landslide_cli.training.judging import WINDOW, judge
from landslide_cli.training.recipe import Recipe, read_recipe

BANDS = ("red", "green", "blue")


def train(
    recipe_path: Path, data: Path, out: Path, *, run_dir: Path, workers: int = 0, overwrite: bool = False
) -> ModelCard:
    """Train by a recipe; write ``out`` and its card.

    Raises:
        TrainingDataError: the recipe or the chips can't be used.
        OutputError: ``out`` can't be written.
    """
    if out.suffix != ".safetensors":
        raise OutputError(f"{out}: weights are written as safetensors; let the name end in .safetensors")
    refuse_unwritable(out, overwrite=overwrite)
    recipe = read_recipe(recipe_path)
    split = split_sources(recipe, data)
    trained = fit(recipe, split, run_dir, workers=workers)
    return write_model(recipe, split, trained, out)


def write_model(recipe: Recipe, split: Split, trained: Trained, out: Path) -> ModelCard:
    """Write weights and card; the numbers in the card are those of the written weights."""
    with staged(out) as place:
        draft = ModelCard(
            model_id=recipe.model_id,
            network=recipe.network,
            arguments=recipe.arguments,
            bands=BANDS,
            value_range=VALUE_RANGE,
            mean=trained.mean,
            std=trained.std,
            resolution_m=recipe.resolution_m,
            threshold=0.5,
            sha256=write_weights(trained.network, place),
            licence=recipe.licence,
            version=__version__,
            known_failures=recipe.known_failures,
        )
        engine = TorchEngine(
            load_network(place, draft),
            value_range=draft.value_range, mean=draft.mean, std=draft.std,
            size=WINDOW, batch_size=1,
        )  # fmt: skip
        # Only validation chooses the threshold; the test part is looked at once it stands.
        zooms = {source.name: recipe.zoom * source.zoom for source in recipe.sources}
        validation = judge(engine, split.validation, zooms)
        threshold = Histogram.total(validation.values()).best_threshold()
        test = judge(engine, split.test, zooms)
        entries = asdict(draft) | {
            "threshold": threshold,
            "training": _training(recipe, split),
            "metrics": {
                "validation": _table(validation, threshold),
                "test": _table(test, threshold),
                "how": f"pixels pooled at native size, seen in {WINDOW} windows of zoom {zooms}, {engine.precision}",
            },
        }
        card = ModelCard(**entries)
        card.write(place.with_suffix(".json"))
    return card


def _table(histograms: dict[str, Histogram], threshold: float) -> dict[str, Any]:
    table = {}
    for name, histogram in [*histograms.items(), ("all", Histogram.total(histograms.values()))]:
        scores = histogram.scores(threshold)
        row = {"pixels": int(histogram.landslide.sum() + histogram.other.sum())}
        if histogram.landslide.any():
            row |= {key: round(getattr(scores, key), 4) for key in ("precision", "recall", "f1", "iou")}
        table[name] = row | {"false_alarm": round(scores.false_alarm, 5)}
    return table


def _training(recipe: Recipe, split: Split) -> dict[str, Any]:
    sources = []
    for source in recipe.sources:
        counts = {
            part: len(chips[source.name])
            for part, chips in (("training", split.training), ("validation", split.validation), ("test", split.test))
        }
        sources.append(asdict(source) | {"chips": counts})
    return {
        "sources": sources,
        "validation_groups": list(recipe.validation),
        "test_groups": list(recipe.test),
        "phases": [asdict(phase) for phase in recipe.phases],
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "ema_decay": recipe.ema_decay,
        "augmentation": asdict(recipe.augmentation),
        "seed": recipe.seed,
    }
