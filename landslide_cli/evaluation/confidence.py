"""Classes of confidence for a model card: by probability, size and spread, chosen so that they are right often enough.

What a class promises is the share of its polygons that lie on a landslide, which is what a person who looks at them
one by one will find. The classes are chosen on chips that the weights were not trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from landslide_cli.engine import Engine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import EvaluationError
from landslide_cli.evaluation.chips import Viewed, card_source, georeferenced_metres, plan_views
from landslide_cli.extras import need
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model
from landslide_cli.mosaic.encoding import NODATA, STEPS, stored_threshold
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.typing import Bools, Bytes, Float64, OnProgress

# A polygon is right if at least this part of it lies on landslides of the truth.
RIGHT = 0.5
# The part of its polygons that must be right, and how many there must be at least.
TARGETS = {"high": 0.8, "medium": 0.5}
LEAST = 20
AREAS_M2 = (0.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


@dataclass(frozen=True)
class Objects:
    """Polygons that a model found on chips. Arrays have the shape ``(n,)``.

    Attributes:
        prob_mean: Mean probability of each.
        area_m2: Its area.
        right: Whether it lies on a landslide.
    """

    prob_mean: Float64
    area_m2: Float64
    right: Bools

    @classmethod
    def joined(cls, parts: Iterable[Objects]) -> Objects:
        """Those of several chips."""
        several = list(parts)
        return cls(*(np.concatenate([getattr(part, name) for part in several]) for name in cls.__annotations__))

    def chosen(self, rows: Bools) -> Objects:
        """Those that are True in ``rows``, shape ``(n,)``."""
        return Objects(self.prob_mean[rows], self.area_m2[rows], self.right[rows])


def objects_of(stored: Bytes, truth: Bools, *, threshold: float, pixel_m2: float) -> Objects:
    """The polygons of one image.

    Args:
        stored: Stored probability, uint8, shape ``(height, width)``; 255 where no pixel is valid.
        truth: True where there is landslide, of the same shape.
        threshold: Probability from which a pixel counts as landslide.
        pixel_m2: Area of a pixel.
    """
    found = (stored != NODATA) & (stored >= stored_threshold(threshold))
    labels, count = ndimage.label(found)
    every = np.arange(1, count + 1)
    pixels = ndimage.sum_labels(found, labels, every)
    return Objects(
        np.round(ndimage.mean(stored, labels, every) / STEPS, 4) if count else np.zeros(0),
        pixels * pixel_m2,
        ndimage.mean(truth, labels, every) >= RIGHT if count else np.zeros(0, dtype=bool),
    )


def choose_classes(objects: Objects) -> dict[str, Any]:
    """The entry ``confidence`` of a model card.

    Each class takes, of the polygons that no higher one has, as many as it can while it is right as often as
    `TARGETS` asks. A class that can't be, with at least `LEAST` polygons, is null.

    Args:
        objects: On chips that the weights were not trained on.
    """
    entry: dict[str, Any] = {}
    rest = objects
    for name, target in TARGETS.items():
        entry[name], taken = _largest(rest, target)
        rest = rest.chosen(~taken)
    entry["low"] = {}
    return judged(entry, objects)


def _largest(objects: Objects, target: float) -> tuple[dict[str, float] | None, Bools]:
    """The bar that most polygons reach while enough of them are right, and which reach it."""
    most = np.zeros(len(objects.right), dtype=bool)
    best = None
    for probability, area in product(np.arange(0.05, 1, 0.01).round(2), AREAS_M2):
        taken = (objects.prob_mean >= probability) & (objects.area_m2 >= area)
        count, right = int(taken.sum()), int(objects.right[taken].sum())
        if count >= LEAST and count > most.sum() and right >= target * count:
            best, most = {"prob_mean": float(probability)} | ({"area_m2": area} if area else {}), taken
    return best, most


def judged(entry: dict[str, Any], objects: Objects) -> dict[str, Any]:
    """The same classes with how often each is right on other polygons, and on how many that was counted."""
    told: dict[str, Any] = {}
    rest = np.ones(len(objects.right), dtype=bool)
    for name, bar in entry.items():
        if bar is None:
            told[name] = None
            continue
        taken = rest & (objects.prob_mean >= bar.get("prob_mean", 0)) & (objects.area_m2 >= bar.get("area_m2", 0))
        rest &= ~taken
        bar = {key: value for key, value in bar.items() if key in ("prob_mean", "area_m2")}
        count = int(taken.sum())
        told[name] = bar | ({"precision": round(float(objects.right[taken].mean()), 3)} if count else {})
        told[name] |= {"landslides": count} if count else {}
    return told


def confidence_of(
    folders: Sequence[Path],
    *,
    runtime: Runtime = Runtime(),
    groups: Sequence[str] = (),
    judging: Sequence[str] = (),
    pixel_size: Sequence[float] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Choose classes of confidence on chips.

    Args:
        folders: As `landslide_cli.evaluation.chips.evaluate_chips` takes them.
        runtime: Which model runs, and how.
        groups: Chips of these groups choose; all by default.
        judging: Groups on which is told how often each class is right; those that choose by default.
        pixel_size: As for `evaluate_chips`.
        on_progress: Called after each chip with the pixels done and in all.

    Raises:
        LandslideError: with a message that says what to do.
    """
    need("PIL", extra="train", purpose="reading chips")
    from landslide_cli.prediction.image import WINDOW

    weights, card = find_model(runtime.model)
    several = in_views(replace(runtime, batch_size=1).choose(weights, card).open(), runtime.tta or card.tta)
    several.prepare(WINDOW, 1)
    sizes = dict(zip(map(str, folders), [*pixel_size] * (len(folders) if len(pixel_size) == 1 else 1), strict=False))

    def found(wanted: Sequence[str]) -> Objects:
        views = plan_views(folders, card, groups=wanted, pixel_size=pixel_size)
        objects = Objects.joined(_found(several, views, card, sizes, on_progress))
        return objects.chosen(objects.area_m2 >= card.min_area_m2)

    entry = choose_classes(found(groups))
    return judged(entry, found(judging)) if judging else entry


def _found(
    engine: Engine, views: Sequence[Viewed], card: ModelCard, sizes: dict[str, float], on_progress: OnProgress | None
) -> Iterator[Objects]:
    from landslide_cli.prediction.image import predict_image

    for number, view in enumerate(views, start=1):
        image = view.chip.read_image()
        stored = predict_image(engine, image, card.value_range, view.zoom)
        metres = sizes.get(view.source) or georeferenced_metres(view.chip.image) or _told_by_card(view, card)
        yield objects_of(
            stored, view.chip.read_mask(image.shape[:2]), threshold=card.threshold, pixel_m2=metres**2
        )  # fmt: skip
        if on_progress:
            on_progress(number, len(views))


def _told_by_card(view: Viewed, card: ModelCard) -> float:
    """Metres per pixel of a source that the card names."""
    told: Any = (card_source(Path(view.source), card) or {}).get("resolution_m")
    if not told or told[0] != told[1]:
        raise EvaluationError(f"{view.source}: it isn't known how many metres a pixel is; give --pixel-size METRES")
    return float(told[0])
