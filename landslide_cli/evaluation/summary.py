"""From images judged one by one to the numbers of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from landslide_cli.metrics.boundary import BoundaryCounts
from landslide_cli.metrics.objects import ObjectCounts, match_components
from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.mosaic.encoding import NODATA, stored_threshold
from landslide_cli.typing import Bools, Bytes

PIXEL_RATIOS = ("precision", "recall", "f1", "iou")


@dataclass(frozen=True, slots=True)
class Judged:
    """The counts of one image or scene.

    Attributes:
        name: Stem of the chip, or name of the scene.
        source: Where it lies.
        group: Site that it belongs to.
        scores: Pixels at the threshold.
        objects: Landslides.
        boundary: Outlines.
        histogram: Pixels by probability; None where only polygons are known.
    """

    name: str
    source: str
    group: str
    scores: Scores
    objects: ObjectCounts
    boundary: BoundaryCounts
    histogram: Histogram | None


def judge_image(
    name: str,
    source: str,
    group: str,
    stored: Bytes,
    truth: Bools,
    *,
    threshold: float,
    tolerance: float,
) -> Judged:
    """Count everything on one image in memory.

    Args:
        name: As in `Judged`.
        source: As in `Judged`.
        group: As in `Judged`.
        stored: Stored probability, uint8, shape ``(height, width)``; 255 where no pixel is valid.
        truth: True where there is landslide, of the same shape.
        threshold: Probability from which a pixel counts as landslide.
        tolerance: Pixels that an outline may lie off.
    """
    valid = stored != NODATA
    found, truth = valid & (stored >= stored_threshold(threshold)), truth & valid
    return Judged(
        name,
        source,
        group,
        Scores.of(found, truth, valid),
        match_components(found, truth),
        BoundaryCounts.of(found, truth, valid, tolerance=tolerance),
        Histogram.of(stored, truth),
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of several images together.

    Attributes:
        images: Number of images.
        with_landslide: Those whose truth holds landslide.
        alarmed: Those without, on which landslide was found.
        pooled: Pixels of all images counted together.
        quiet: Pixels of the images without landslide counted together.
        mean: Precision, recall, F1 and IoU of each image with landslide, averaged over them; None without any.
        objects: Landslides of all images.
        boundary: Outlines of all images counted together.
        boundary_mean: Boundary F1 of each image whose truth has an outline, averaged; None without any.
        histogram: Pixels by probability; None where only polygons are known.
    """

    images: int
    with_landslide: int
    alarmed: int
    pooled: Scores
    quiet: Scores
    mean: dict[str, float] | None
    objects: ObjectCounts
    boundary: BoundaryCounts
    boundary_mean: float | None
    histogram: Histogram | None

    @property
    def area_bias(self) -> float | None:
        """Found area over true area, minus 1; None without true area."""
        return self.pooled.found / self.pooled.true - 1 if self.pooled.true else None


def summarise(judged: Sequence[Judged]) -> Summary:
    """Sum up images."""
    positive = [image.scores for image in judged if image.scores.true]
    negative = [image.scores for image in judged if image.scores.pixels and not image.scores.true]
    outlined = [image.boundary.f1 for image in judged if image.boundary.true]
    histograms = [image.histogram for image in judged if image.histogram is not None]
    return Summary(
        images=len(judged),
        with_landslide=len(positive),
        alarmed=sum(scores.found > 0 for scores in negative),
        pooled=Scores.total(image.scores for image in judged),
        quiet=Scores.total(negative),
        mean={name: _mean(getattr(s, name) for s in positive) for name in PIXEL_RATIOS} if positive else None,
        objects=ObjectCounts.total(image.objects for image in judged),
        boundary=BoundaryCounts.total(image.boundary for image in judged),
        boundary_mean=_mean(outlined) if outlined else None,
        histogram=Histogram.total(histograms) if histograms else None,
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was judged, and how.

    Attributes:
        subject: What was judged, in words.
        settings: What it was judged with, by name.
        threshold: Probability from which a pixel counts as landslide; None where polygons were judged.
        tolerance: Pixels that an outline may lie off.
        judged: Image by image.
    """

    subject: str
    settings: dict[str, str]
    threshold: float | None
    tolerance: float
    judged: tuple[Judged, ...]

    def summary(self) -> Summary:
        """Everything together."""
        return summarise(self.judged)

    def by(self, key: str) -> dict[str, Summary]:
        """Summaries of the images that share ``source`` or ``group``, in the order of their names."""
        names = sorted({getattr(image, key) for image in self.judged})
        return {name: summarise([image for image in self.judged if getattr(image, key) == name]) for name in names}
