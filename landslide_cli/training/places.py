"""Places left out of training in turn, and how well they are found then: what a mapper's own scene will be like.

Images of one place resemble each other, so images held out of a place that was trained on say little of other places.
Here a network is trained once for each place of the recipe without any image of it, and judged on that place alone.
The threshold, and how fine the network sees the ground, are those with the best mean over the places.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landslide_cli.chips.chip import Chip
from landslide_cli.errors import TrainingDataError
from landslide_cli.evaluation.judging import judge
from landslide_cli.files import staged
from landslide_cli.metrics.scores import Histogram
from landslide_cli.parsing import parse_json, read_text
from landslide_cli.training.callbacks import OnStep
from landslide_cli.training.compare import make_engine, markdown_table
from landslide_cli.training.fit import Settings, fit
from landslide_cli.training.recipe import Place, Recipe
from landslide_cli.training.split import split_sources
from landslide_cli.training.start import VALUE_RANGE

log = logging.getLogger(__name__)

Metres = tuple[float, float]
CANDIDATES = tuple(step / 100 for step in range(1, 100))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A place as a network answers that never saw it.

    Attributes:
        place: Its name.
        resolution_m: Finest and coarsest metres per pixel at which the network saw it.
        sources: Stored probabilities against truth, source by source; those without landslide give false alarms.
    """

    place: str
    resolution_m: Metres
    sources: dict[str, Histogram]

    @property
    def slides(self) -> list[Histogram]:
        """The sources with landslides."""
        return [histogram for histogram in self.sources.values() if histogram.landslide.any()]

    @property
    def empty(self) -> Histogram:
        """The sources without, together."""
        return Histogram.total(h for h in self.sources.values() if not h.landslide.any())

    def f1(self, threshold: float) -> float:
        """Mean F1 of the sources with landslides: each sensor counts alike, however many pixels it has."""
        return float(np.mean([histogram.scores(threshold).f1 for histogram in self.slides]))


def leave_out(
    recipe: Recipe,
    data: Path,
    run_dir: Path,
    *,
    ranges: Sequence[Metres] = (),
    settings: Settings = Settings(),
    on_step: OnStep | None = None,
) -> list[LeftOut]:
    """Train without each place and judge there; places already in ``run_dir`` aren't trained again.

    Args:
        recipe: What is trained; its validation groups are trained on, its test groups are not looked at.
        data: Folder that the paths of the recipe's sources start from.
        run_dir: Folder for checkpoints and results.
        ranges: Finest and coarsest metres per pixel to judge at; those of the recipe if none are given.
        settings: How it runs here.
        on_step: Called after each step with steps done, steps in all and a note.

    Raises:
        TrainingDataError: the recipe names no places, or one without landslides.
    """
    if not recipe.places:
        raise TrainingDataError("the recipe names no places to leave out; add tables [[places]] with name and groups")
    found = []
    for place in recipe.places:
        done = run_dir / place.name / "left_out.json"
        if not done.exists():
            answers = _train_without(
                place, recipe, data, done.parent, ranges or [recipe.resolution_m], settings, on_step
            )
            with staged(done) as part:
                part.write_text(json.dumps([_packed(answer) for answer in answers]))
        try:
            found += [_unpacked(entry) for entry in parse_json(list[dict[str, Any]], read_text(done))]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrainingDataError(
                f"{done} can't be read: {error}; remove it, and the training without {place.name} is done again"
            ) from error
    return found


def _train_without(
    place: Place,
    recipe: Recipe,
    data: Path,
    folder: Path,
    ranges: Sequence[Metres],
    settings: Settings,
    on_step: OnStep | None,
) -> list[LeftOut]:
    without = replace(recipe, validation=place.groups, patience=0)
    split = split_sources(without, data)
    if not any(chip.mask for chips in split.validation.values() for chip in chips):
        raise TrainingDataError(f"{data}: no chip of {place.name} has a mask; mend its groups in the recipe")
    log.info("%s left out: training %d steps", place.name, recipe.steps)
    # What is left out must choose nothing, so the training doesn't see it as validation either.
    unseen: dict[str, list[Chip]] = {name: [] for name in split.validation}
    trained = fit(without, replace(split, validation=unseen), folder, settings=settings, on_step=on_step)
    engine = make_engine(trained.network, trained.mean, trained.std)
    answers = []
    for metres in ranges:
        seen = replace(without, resolution_m=metres)
        zooms = {source.name: recipe.zoom * seen.zoom_of(source) for source in recipe.sources}
        answers.append(LeftOut(place.name, metres, judge(engine, split.validation, zooms, VALUE_RANGE)))
    return answers


@dataclass(frozen=True, slots=True)
class Choice:
    """What all places choose together.

    Attributes:
        resolution_m: Finest and coarsest metres per pixel.
        threshold: Probability from which a pixel counts as landslide, before any calibration.
        f1: Mean over the places, each counting alike.
    """

    resolution_m: Metres
    threshold: float
    f1: float


def choose(answers: Iterable[LeftOut]) -> Choice:
    """Choose range and threshold by the mean F1 over the places."""
    by_range: dict[Metres, list[LeftOut]] = {}
    for answer in answers:
        by_range.setdefault(answer.resolution_m, []).append(answer)
    choices = [
        Choice(metres, threshold, float(np.mean([place.f1(threshold) for place in places])))
        for metres, places in by_range.items()
        for threshold in CANDIDATES
    ]
    return max(choices, key=lambda choice: choice.f1)


def as_markdown(answers: Sequence[LeftOut], choice: Choice) -> str:
    """Lay out each place and source at the chosen range and threshold, and at the best threshold of its own."""
    head = ["place left out", "source", "P", "R", "F1", "best F1, at", "false alarms"]
    lines = [head, ["---"] * len(head)]
    for answer in answers:
        if answer.resolution_m != choice.resolution_m:
            continue
        for source, histogram in answer.sources.items():
            scores = histogram.scores(choice.threshold)
            cells = ["–"] * 4
            if histogram.landslide.any():
                own = max(CANDIDATES, key=lambda threshold: histogram.scores(threshold).f1)
                cells = [f"{value:.2f}" for value in (scores.precision, scores.recall, scores.f1)]
                cells.append(f"{histogram.scores(own).f1:.2f}, {own:.2f}")
            lines.append([answer.place, source, *cells, f"{scores.false_alarm:.2%}"])
    low, high = choice.resolution_m
    return (
        f"{markdown_table(lines)}\nChosen by the mean over the places: threshold {choice.threshold:.2f}, "
        f"seen at {low:g} to {high:g} m per pixel; mean F1 {choice.f1:.3f}.\n"
    )


def _packed(answer: LeftOut) -> dict[str, Any]:
    counts = {name: [h.landslide.tolist(), h.other.tolist()] for name, h in answer.sources.items()}
    return {"place": answer.place, "resolution_m": answer.resolution_m, "sources": counts}


def _unpacked(entry: dict[str, Any]) -> LeftOut:
    sources = {name: Histogram(*map(np.array, counts)) for name, counts in entry["sources"].items()}
    low, high = entry["resolution_m"]
    return LeftOut(str(entry["place"]), (float(low), float(high)), sources)
