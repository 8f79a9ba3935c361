"""An evaluation as text for a person and as numbers for a machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from landslide_cli.errors import counted
from landslide_cli.evaluation.summary import PIXEL_RATIOS, Evaluation, Judged, Summary
from landslide_cli.metrics.boundary import BoundaryCounts
from landslide_cli.metrics.calibration import Reliability
from landslide_cli.metrics.objects import IOUS
from landslide_cli.metrics.scores import Histogram, Scores

Numbers = dict[str, Any]
NOTHING = "–"
DIGITS = 6
KEYS = ("source", "group")


def as_numbers(evaluation: Evaluation) -> Numbers:
    """Everything that was measured, ready for JSON; null where there is nothing to measure."""
    numbers: Numbers = {
        "subject": evaluation.subject,
        **evaluation.settings,
        "threshold": evaluation.threshold,
        "tolerance_px": evaluation.tolerance,
        "all": _summary(evaluation.summary()),
    }
    if len(evaluation.judged) > 1:
        numbers |= {f"by_{key}": {name: _summary(s) for name, s in evaluation.by(key).items()} for key in KEYS}
        numbers["images"] = [_image(image) for image in evaluation.judged]
    return numbers


def _summary(summary: Summary) -> Numbers:
    boundary, pooled = summary.boundary, summary.pooled
    numbers: Numbers = {
        "images": summary.images,
        "images_with_landslide": summary.with_landslide,
        "pixels": pooled.pixels,
        "pooled": _ratios(pooled) if pooled.true else None,
        "mean_over_images": _rounded(summary.mean) if summary.mean else None,
        "objects": {
            "found": summary.objects.found,
            "true": summary.objects.true,
            **{
                f"iou_{least:g}": {"matched": summary.objects.matched[at], **_object_ratios(summary, at)}
                for at, least in enumerate(IOUS)
            },
        },
        "boundary": _rounded({"precision": boundary.precision, "recall": boundary.recall, "f1": boundary.f1})
        | {"mean_f1_over_images": _maybe(summary.boundary_mean)}
        if boundary.true
        else None,
        "area_bias": _maybe(summary.area_bias),
        "false_alarm": {
            "share_of_other_area": round(pooled.false_alarm, DIGITS),
            "images_without_landslide": summary.images - summary.with_landslide,
            "share_of_their_area": round(summary.quiet.false_alarm, DIGITS) if summary.quiet.pixels else None,
            "images_alarmed": summary.alarmed,
        },
    }
    if summary.histogram is not None:
        numbers |= _probabilities(summary.histogram)
    return numbers


def _probabilities(histogram: Histogram) -> Numbers:
    reliability = Reliability.of(histogram)
    columns = (reliability.pixels, reliability.probability, reliability.landslide)
    return {
        "average_precision": _maybe(histogram.average_precision() if histogram.landslide.any() else None),
        "calibration": {
            "expected_error": round(reliability.error, DIGITS),
            "bins": [
                {"pixels": int(n), "probability": round(float(p), DIGITS), "landslide": round(float(part), DIGITS)}
                for n, p, part in zip(*columns, strict=True)
            ],
        },
    }


def _image(image: Judged) -> Numbers:
    scores = image.scores
    return {
        "name": image.name, "source": image.source, "group": image.group, "pixels": scores.pixels,
        "found_pixels": scores.found, "true_pixels": scores.true,
        **(_ratios(scores) if scores.true else dict.fromkeys(PIXEL_RATIOS)),
    }  # fmt: skip


def _ratios(scores: Scores) -> Numbers:
    return _rounded({name: getattr(scores, name) for name in PIXEL_RATIOS})


def _object_ratios(summary: Summary, at: int) -> Numbers:
    scores = summary.objects.scores(at)
    return _rounded({"precision": scores.precision, "recall": scores.recall, "f1": scores.f1})


def _rounded(values: dict[str, float]) -> Numbers:
    return {name: round(value, DIGITS) for name, value in values.items()}


def _maybe(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def as_text(evaluation: Evaluation) -> str:
    """The table that a person reads."""
    return "\n".join(_lines(evaluation))


def _lines(evaluation: Evaluation) -> Iterator[str]:
    summary = evaluation.summary()
    several = summary.images > 1
    what = (
        f"{summary.images} images ({summary.with_landslide} with landslide)" if several else evaluation.judged[0].name
    )
    yield f"{evaluation.subject}: {what}, {summary.pooled.pixels / 1e6:.4g} Mpx"
    yield ""
    yield _row("pixels", "precision", "recall", "F1", "IoU")
    if summary.pooled.true:
        yield _row("  pooled", *_of(summary.pooled, *PIXEL_RATIOS)) + "   all pixels counted together"
    else:
        yield _row("  pooled", *[NOTHING] * 4) + "   no true landslide"
    if several and summary.mean:
        mean = [f"{summary.mean[name]:.4f}" for name in PIXEL_RATIOS]
        yield _row("  mean", *mean) + f"   over {counted(summary.with_landslide, 'image')} with landslide"
    yield f"objects     {summary.objects.found} found, {summary.objects.true} true, paired one to one"
    for at, least in enumerate(IOUS):
        yield _row(f"  IoU >= {least:g}", *_of(summary.objects.scores(at), "precision", "recall", "f1"))
    yield f"boundary    within {counted(evaluation.tolerance, 'pixel', 'g')}"
    yield _row("  pooled", *_of(summary.boundary, "precision", "recall", "f1"))
    if several and summary.boundary_mean is not None:
        yield _row("  mean", "", "", f"{summary.boundary_mean:.4f}")
    yield ""
    if summary.area_bias is not None:
        yield f"area bias      {summary.area_bias:+.1%} (found area / true area - 1)"
    yield f"false alarms   {_alarms(summary)}"
    if summary.histogram is not None:
        yield f"calibration    expected error {Reliability.of(summary.histogram).error:.4f}"
        if summary.pooled.true:
            yield f"ranking        average precision {summary.histogram.average_precision():.4f}"
    for key in KEYS:
        yield from _breakdown(evaluation, key)


def _alarms(summary: Summary) -> str:
    without = summary.images - summary.with_landslide
    everywhere = f"{summary.pooled.false_alarm:.2%} of the area that isn't landslide"
    if summary.images == 1 or not without:
        return everywhere
    return (
        f"{everywhere}; {summary.quiet.false_alarm:.2%} of the {counted(without, 'image')} without landslide, "
        f"{summary.alarmed} of which {'has' if summary.alarmed == 1 else 'have'} any"
    )


def _breakdown(evaluation: Evaluation, key: str) -> Iterator[str]:
    """One line for each source or group; not if there is but one, or if each image is its own."""
    summaries = evaluation.by(key)
    if not 1 < len(summaries) < len(evaluation.judged):
        return
    widest = max(12, *(len(name) + 2 for name in summaries))
    heads = ("images", "precision", "recall", "F1", "IoU", "mean F1", "false al.")
    yield ""
    yield f"by {key}".ljust(widest) + "".join(head.rjust(10) for head in heads)
    for name, summary in summaries.items():
        pooled = _of(summary.pooled, *PIXEL_RATIOS) if summary.pooled.true else [NOTHING] * 4
        mean = f"{summary.mean['f1']:.4f}" if summary.mean else NOTHING
        cells = (str(summary.images), *pooled, mean, f"{summary.pooled.false_alarm:.2%}")
        yield f"  {name}".ljust(widest) + "".join(cell.rjust(10) for cell in cells)


def _row(name: str, *cells: str) -> str:
    return f"{name:<12}" + "".join(f"{cell:>11}" for cell in cells)


def _of(scores: Scores | BoundaryCounts, *names: str) -> list[str]:
    return [f"{getattr(scores, name):.4f}" for name in names]
