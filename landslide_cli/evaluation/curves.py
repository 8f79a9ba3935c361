"""The picture of an evaluation: precision against recall, and the reliability diagram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from landslide_cli.errors import EvaluationError, OutputError
from landslide_cli.evaluation.summary import Evaluation
from landslide_cli.extras import need
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.metrics.calibration import Reliability
from landslide_cli.metrics.scores import Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".png", ".svg", ".pdf")


def refuse_plot(path: Path, *, overwrite: bool) -> None:
    """Check before any work that the curves can be drawn.

    Raises:
        MissingExtraError: matplotlib isn't installed.
        OutputError: the file can't be written.
    """
    need("matplotlib", extra="plot", purpose="--plot")
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"{path}: no picture is known by the ending {path.suffix!r}; use one of {', '.join(ENDINGS)}")
    refuse_unwritable(path, overwrite=overwrite)


def draw_curves(evaluation: Evaluation, path: Path) -> None:
    """Draw both curves of all images together.

    Raises:
        EvaluationError: only polygons were judged, so no probability is known.
    """
    from matplotlib.figure import Figure

    histogram = evaluation.summary().histogram
    if histogram is None:
        raise EvaluationError("--plot needs probabilities; add --probability TIF, which detect --probability writes")
    figure = Figure(figsize=(11, 5), layout="constrained")
    figure.suptitle(evaluation.subject)
    left, right = figure.subplots(1, 2)
    _precision_recall(left, histogram, evaluation.threshold)
    _reliability(right, Reliability.of(histogram))
    with staged(path) as place:
        figure.savefig(place, dpi=120)


def _precision_recall(axes: Axes, histogram: Histogram, threshold: float | None) -> None:
    precision, recall = histogram.curve()
    found = np.cumsum((histogram.landslide + histogram.other)[::-1])[::-1] > 0
    axes.plot(recall[found], precision[found])
    if threshold is not None:
        scores = histogram.scores(threshold)
        axes.plot(scores.recall, scores.precision, "o", label=f"threshold {threshold:g}: F1 {scores.f1:.3f}")
        axes.legend(loc="lower left")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title(f"pixels pooled, average precision {histogram.average_precision():.3f}")
    axes.grid(alpha=0.3)


def _reliability(axes: Axes, reliability: Reliability) -> None:
    some = reliability.pixels > 0
    axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    axes.plot(reliability.probability[some], reliability.landslide[some], "o-")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean probability", ylabel="part that is landslide")
    axes.set_title(f"reliability, expected calibration error {reliability.error:.3f}")
    axes.grid(alpha=0.3)
    share = axes.twinx()
    edges = np.linspace(0, 1, len(reliability.pixels) + 1)
    share.bar(edges[:-1], reliability.pixels / max(reliability.pixels.sum(), 1), 1 / len(reliability.pixels),
              align="edge", color="grey", alpha=0.25)  # fmt: skip
    share.set(yscale="log", ylim=(1e-6, 1), ylabel="part of all pixels (bars)")
