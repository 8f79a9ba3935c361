"""From a recipe and a folder of chips to weights and the card that describes them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from landslide_cli._version import __version__
from landslide_cli.chips.chip import Chip
from landslide_cli.engine import Engine
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import OutputError
from landslide_cli.evaluation.judging import judge
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.metrics.calibration import Reliability
from landslide_cli.metrics.scores import Histogram
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model, load_network, write_weights
from landslide_cli.prediction.image import WINDOW
from landslide_cli.training.calibrate import fit_calibration, fold_calibration
from landslide_cli.training.callbacks import OnStep
from landslide_cli.training.fit import Settings, Trained, fit
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.split import Split, split_sources
from landslide_cli.training.start import BANDS, VALUE_RANGE


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    run_dir: Path,
    settings: Settings = Settings(),
    overwrite: bool = False,
    on_step: OnStep | None = None,
) -> ModelCard:
    """Train by a recipe; write ``out`` and its card.

    Args:
        recipe: What is trained, on what, how long.
        data: Folder that the paths of the recipe's sources start from.
        out: Weights to write; the card goes beside them.
        run_dir: Folder for checkpoints, logs and pictures; a training that was stopped goes on from there.
        settings: How it runs on this machine.
        overwrite: Whether ``out`` may exist.
        on_step: Called now and then with steps done, steps in all and a note.

    Raises:
        TrainingDataError: the recipe or the chips can't be used.
        ModelError: the network can't be built, or the weights to start from don't fit.
        OutputError: ``out`` can't be written.
    """
    if out.suffix != ".safetensors":
        raise OutputError(f"{out}: weights are written as safetensors; let the name end in .safetensors")
    refuse_unwritable(out, overwrite=overwrite)
    split = split_sources(recipe, data)
    trained = fit(recipe, split, run_dir, settings=settings, on_step=on_step)
    return write_model(recipe, split, trained, out)


def write_model(recipe: Recipe, split: Split, trained: Trained, out: Path) -> ModelCard:
    """Write calibrated weights and card; the numbers in the card are those of the written weights."""
    zooms = {source.name: recipe.zoom * recipe.zoom_of(source) for source in recipe.sources}
    with staged(out) as place:
        draft = _draft(recipe, trained, place)
        # The test part is looked at only once calibration and threshold stand.
        deciding = _deciding(recipe, split)
        raw = Histogram.total(judge(_engine(place, draft), deciding, zooms, VALUE_RANGE).values())
        calibration = fit_calibration(raw)
        fold_calibration(trained.network, *calibration)
        draft = _draft(recipe, trained, place)
        engine = _engine(place, draft)
        validation = judge(engine, split.validation, zooms, VALUE_RANGE)
        pooled = Histogram.total(judge(engine, deciding, zooms, VALUE_RANGE).values())
        threshold = pooled.best_threshold() if pooled.landslide.any() else draft.threshold
        test = judge(engine, split.test, zooms, VALUE_RANGE)
        entries = asdict(draft) | {
            "threshold": threshold,
            "training": _training(recipe, split, trained),
            "metrics": {
                "validation": _table(validation, threshold),
                "test": _table(test, threshold),
                **_before(recipe, split, zooms),
                "how": _how(recipe, zooms, engine.precision),
                "calibration": dict(zip(("scale", "shift"), (round(v, 4) for v in calibration), strict=True)),
            },
        }
        card = ModelCard(**entries)
        card.write(place.with_suffix(".json"))
    return card


def _deciding(recipe: Recipe, split: Split) -> dict[str, list[Chip]]:
    """The chips that choose calibration and threshold: validation's.

    Where chips are so few that the encoder rests, those that were trained on as well: half a dozen decide by chance,
    and what learns then doesn't know them by heart (docs/teach.md).
    """
    if recipe.freeze == "none":
        return split.validation
    return {name: [*chips, *split.training[name]] for name, chips in split.validation.items()}


def _draft(recipe: Recipe, trained: Trained, place: Path) -> ModelCard:
    """Write the weights as they are; the card without threshold and metrics."""
    return ModelCard(
        model_id=recipe.model_id,
        network=recipe.network,
        arguments=recipe.arguments,
        bands=BANDS,
        value_range=trained.start.value_range if trained.start else VALUE_RANGE,
        mean=trained.mean,
        std=trained.std,
        resolution_m=recipe.resolution_m,
        threshold=trained.start.threshold if trained.start else 0.5,
        sha256=write_weights(trained.network, place),
        licence=recipe.licence or (trained.start.licence if trained.start else ""),
        tta=recipe.tta,
        version=__version__,
        known_failures=recipe.known_failures or (trained.start.known_failures if trained.start else ()),
    )


def _engine(place: Path, card: ModelCard) -> Engine:
    return in_views(TorchEngine(load_network(place, card), mean=card.mean, std=card.std, batch_size=1), card.tta)


def _table(histograms: dict[str, Histogram], threshold: float) -> dict[str, Any]:
    table = {}
    for name, histogram in [*histograms.items(), ("all", Histogram.total(histograms.values()))]:
        table[name] = _row(histogram, threshold)
    return table


def _row(histogram: Histogram, threshold: float) -> dict[str, float]:
    scores = histogram.scores(threshold)
    row: dict[str, float] = {"pixels": int(histogram.landslide.sum() + histogram.other.sum())}
    if histogram.landslide.any():
        row |= {key: round(getattr(scores, key), 4) for key in ("precision", "recall", "f1", "iou")}
    row |= {"false_alarm": round(scores.false_alarm, 5)}
    return row | {"calibration_error": round(Reliability.of(histogram).error, 4)}


def _before(recipe: Recipe, split: Split, zooms: dict[str, float]) -> dict[str, Any]:
    """How good the model that training started from was on the chips held out, at its own threshold and at the best."""
    if not recipe.start:
        return {}
    part = "test" if any(split.test.values()) else "validation"
    weights, start = find_model(recipe.start)
    found = Histogram.total(judge(_engine(weights, start), getattr(split, part), zooms, VALUE_RANGE).values())
    if not found.landslide.any():
        return {}
    rows = {f"{part} at {each:.2f}": _row(found, each) for each in (start.threshold, found.best_threshold())}
    return {"start": rows}


def _how(recipe: Recipe, zooms: dict[str, float], precision: str) -> str:
    if recipe.letterbox:
        size = recipe.letterbox
        return f"pixels pooled over letterboxed images of {size} x {size}, their margins included, {precision}"
    windows = f"windows of up to {WINDOW} at zoom {zooms}"
    return f"pixels pooled at native size, seen in {windows}, tta {recipe.tta}, {precision}"


def _training(recipe: Recipe, split: Split, trained: Trained) -> dict[str, Any]:
    """The recipe as it was used, with the chips counted; paths of this machine stay out."""
    entries = asdict(recipe)
    for name in ("model_id", "network", "arguments", "resolution_m", "tta", "licence", "known_failures"):
        del entries[name]  # the card has them already
    parts = {"training": split.training, "validation": split.validation, "test": split.test}
    entries["sources"] = [
        asdict(source)
        | {"path": source.name if Path(source.path).is_absolute() else source.path, "zoom": recipe.zoom_of(source)}
        | {"chips": {part: len(chips[source.name]) for part, chips in parts.items()}}
        for source in recipe.sources
    ]
    entries["working_zoom"] = recipe.zoom
    entries["validation_groups"] = list(entries.pop("validation"))
    entries["test_groups"] = list(entries.pop("test"))
    for name in ("encoder", "encoder_rate", "encoder_licence", "teacher", "teacher_share"):
        del entries[name]
    if recipe.teacher:
        entries["teacher"] = {"model": Path(recipe.teacher).stem, "share": recipe.teacher_share}
    if trained.encoder:
        entries["encoder"] = asdict(trained.encoder) | {"rate": recipe.encoder_rate}
    start = trained.start
    if start:
        # All that the weights have ever seen, the start's own start as well.
        seen = [*start.training.get("start_sources", ()), *start.training.get("sources", ())]
        entries |= {"start_model": start.model_id, "start_sources": [_named(source) for source in seen]}
    return entries | {"start": start.sha256 if start else "", "step": trained.step}


def _named(source: dict[str, Any]) -> dict[str, Any]:
    """A source of the start as far as it matters to whoever takes the weights."""
    return {name: source[name] for name in ("name", "citation", "licence") if name in source}
