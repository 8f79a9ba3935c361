"""Several networks by one recipe, side by side, in the form of the paper's Tables 2 and 4."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from landslide_cli.chips.chip import Chip
from landslide_cli.engine import Engine
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import ModelError, TrainingDataError
from landslide_cli.evaluation.judging import answer
from landslide_cli.files import staged
from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.mosaic.encoding import NODATA, STEPS
from landslide_cli.networks.registry import NETWORKS, build_network
from landslide_cli.parsing import STRICT, ParseError, parse_json, read_text
from landslide_cli.prediction.image import WINDOW
from landslide_cli.training.callbacks import OnStep
from landslide_cli.training.fit import Trained, fit
from landslide_cli.training.object_rules import Rules, choose_rules
from landslide_cli.training.paper import PAPER, PaperRow
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.split import Split, split_sources
from landslide_cli.training.start import VALUE_RANGE

log = logging.getLogger(__name__)

# The network of ResU-Net-OBIA is only its first half.
WITH_RULES = frozenset({"resunet-obia"})
TIMED = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One network's line.

    Attributes:
        network: Name in the registry.
        precision: Pixels of all test chips pooled, as are ``recall`` and ``f1``.
        mean_f1: Mean of the F1 of each test chip with landslide.
        mean_precision: The same of the precision, chips where nothing was found counting 0.
        mean_recall: The same of the recall.
        false_alarm: Part of the test area without landslide that was called landslide.
        threshold: Probability chosen on the validation chips.
        rules: Limits of the object rules chosen there, where the network has them.
        giga: Multiply-adds at 256×256 as thop counts them, in 10⁹; None without thop.
        mega: Parameters in 10⁶.
        hours: Spent on training.
        seconds: For one 512×512 window in one view, median of five. All are timed one after the other once the last
            is trained, so that they compare.
    """

    __pydantic_config__ = STRICT | {"allow_inf_nan": True}  # seconds, until they are measured

    network: str
    precision: float
    recall: float
    f1: float
    mean_precision: float
    mean_recall: float
    mean_f1: float
    false_alarm: float
    threshold: float
    rules: dict[str, float] | None
    giga: float | None
    mega: float
    hours: float
    seconds: float = math.nan


@dataclass(frozen=True, slots=True)
class Predicted:
    """A chip with its stored probabilities, 255 where nobody knows what is there, and its truth."""

    image: NDArray[np.uint8]
    stored: NDArray[np.uint8]
    truth: NDArray[np.bool_]

    @property
    def case(self) -> tuple[NDArray[np.floating], NDArray[np.uint8], NDArray[np.bool_]]:
        """What the object rules are chosen on."""
        return np.where(self.stored == NODATA, 0, self.stored) / STEPS, self.image, self.truth


def compare(
    recipe: Recipe, data: Path, networks: Sequence[str], run_dir: Path, *, on_step: OnStep | None = None
) -> list[Row]:
    """Train and judge each network by the same recipe; networks already in ``run_dir`` aren't trained again.

    Args:
        recipe: What is trained, on what, how long; its network is replaced by each in turn.
        data: Folder that the paths of the recipe's sources start from.
        networks: Names in the registry.
        run_dir: Folder for checkpoints, logs and results.
        on_step: Called now and then with steps done, steps in all and a note.

    Raises:
        TrainingDataError: the chips can't be used, or there are none to choose the threshold or to judge on.
        ModelError: a network isn't in the registry.
    """
    for name in networks:
        if name not in NETWORKS:
            raise ModelError(f"no network is called {name!r}; choose from {', '.join(every_network())}")
    split = split_sources(recipe, data)
    for part, what in ((split.validation, "validation"), (split.test, "test")):
        if not any(chip.mask for chips in part.values() for chip in chips):
            raise TrainingDataError(
                f"{data}: no chip with a mask is held out for {what}; name groups for it in the recipe"
            )
    rows = []
    for name in networks:
        done = run_dir / name / "row.json"
        if not done.exists():
            log.info("%s: training %d steps", name, recipe.steps)
            start = time.perf_counter()
            trained = fit(replace(recipe, network=name, model_id=name), split, run_dir / name, on_step=on_step)
            row = judge_network(name, trained, recipe, split, hours=(time.perf_counter() - start) / 3600)
            with staged(done) as place:
                place.write_text(json.dumps(asdict(row), indent=2))
        try:
            rows.append(parse_json(Row, read_text(done)))
        except ParseError as error:
            raise TrainingDataError(
                f"{done} can't be read: {error}; remove it, and the network is trained again"
            ) from error
        log.info("%s: F1 %.4f", name, rows[-1].f1)
    return [replace(row, seconds=time_window(build_network(row.network, **recipe.arguments))) for row in rows]


def judge_network(name: str, trained: Trained, recipe: Recipe, split: Split, *, hours: float) -> Row:
    """Choose threshold and rules on the validation chips, then look at the test chips once."""
    engine = in_views(make_engine(trained.network, trained.mean, trained.std), recipe.tta)
    zooms = {source.name: recipe.zoom * recipe.zoom_of(source) for source in recipe.sources}
    validation = predict_chips(engine, split.validation, zooms)
    threshold = Histogram.total(Histogram.of(one.stored, one.truth) for one in validation).best_threshold()
    rules = choose_rules([one.case for one in validation]) if name in WITH_RULES else None
    test = predict_chips(engine, split.test, zooms)
    scores = [score(one, threshold, rules) for one in test]
    pooled = Scores.total(scores)
    on_landslide = [each for each, one in zip(scores, test, strict=True) if one.truth.any()]
    giga, mega = count(name, recipe)
    return Row(
        network=name,
        precision=pooled.precision,
        recall=pooled.recall,
        f1=pooled.f1,
        mean_precision=float(np.mean([each.precision for each in on_landslide])),
        mean_recall=float(np.mean([each.recall for each in on_landslide])),
        mean_f1=float(np.mean([each.f1 for each in on_landslide])),
        false_alarm=pooled.false_alarm,
        threshold=rules.candidate if rules else threshold,
        rules=asdict(rules) if rules else None,
        giga=giga,
        mega=mega,
        hours=hours,
    )


def predict_chips(engine: Engine, sources: dict[str, list[Chip]], zooms: dict[str, float]) -> list[Predicted]:
    """Predict every chip, each at the zoom of its source."""
    found = []
    for name, chips in sources.items():
        for chip in chips:
            found.append(Predicted(chip.read_image(), *answer(engine, chip, VALUE_RANGE, zooms[name])))
    return found


def score(one: Predicted, threshold: float, rules: Rules | None) -> Scores:
    """Scores of one chip, by the threshold or by the object rules."""
    if rules is None:
        return Histogram.of(one.stored, one.truth).scores(threshold)
    probability, image, truth = one.case
    return Scores.of(rules.apply(probability, image), truth, one.stored != NODATA)


def count(name: str, recipe: Recipe) -> tuple[float | None, float]:
    """Multiply-adds at 256×256 in 10⁹ (None without thop) and parameters in 10⁶."""
    network = build_network(name, **recipe.arguments).eval()
    mega = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    try:
        from thop import profile
    except ImportError:
        return None, mega
    return profile(network, (torch.rand(1, 3, 256, 256),), verbose=False)[0] / 1e9, mega


def make_engine(network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> TorchEngine:
    """One window at a time, as chips are judged."""
    return TorchEngine(network, mean=mean, std=std, batch_size=1)


def time_window(network: nn.Module) -> float:
    """Seconds for one 512×512 window: median of five after one that warms up."""
    engine = make_engine(network.eval(), (0.5,) * 3, (0.25,) * 3)
    pixels = np.random.default_rng(0).integers(0, 255, (1, 3, WINDOW, WINDOW), dtype=np.uint8)
    spent = []
    for _ in range(TIMED + 1):
        start = time.perf_counter()
        engine(pixels, VALUE_RANGE)
        spent.append(time.perf_counter() - start)
    return float(np.median(spent[1:]))


def as_markdown(rows: Iterable[Row], *, same_data: bool) -> str:
    """Lay the rows out as a Markdown table; with ``same_data`` the paper's Table 2 stands beside."""
    head = ["system", "P", "R", "F1", "mean P", "mean R", "mean F1", "false alarms", "G", "M", "s / 512×512"]
    paper = ["paper P, R, F1"] * same_data + ["paper G", "paper M"]
    lines = [head + paper, ["---"] * len(head + paper)]
    for row in rows:
        known = PAPER.get(row.network, PaperRow(row.network))
        scores = (row.precision, row.recall, row.f1, row.mean_precision, row.mean_recall, row.mean_f1)
        printed = [", ".join(f"{value:.4f}" for value in known.bijie) if known.bijie else "–"] * same_data
        lines.append(
            [
                known.title,
                *(f"{value:.4f}" for value in scores),
                f"{row.false_alarm:.2%}",
                _number(row.giga),
                _number(row.mega),
                f"{row.seconds:.2f}",
                *printed,
                _number(known.giga),
                _number(known.mega),
            ]
        )
    return markdown_table(lines)


def markdown_table(lines: Iterable[Sequence[str]]) -> str:
    """Cells of a Markdown table, heads and rule included, line by line."""
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def every_network() -> list[str]:
    """All networks, in the paper's order where it has them."""
    return [name for name in PAPER if name in NETWORKS] + sorted(NETWORKS.keys() - PAPER.keys())
