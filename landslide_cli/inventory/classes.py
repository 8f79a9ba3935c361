"""The one table of classes and colours: what QGIS, the report, its picture and their legends show landslides in."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
from numpy.typing import NDArray

from landslide_cli.inventory.confidence import CONFIDENCES, HIGH, LOW, MEDIUM, Confidence
from landslide_cli.inventory.edited import column
from landslide_cli.inventory.review import NOT_LANDSLIDE
from landslide_cli.typing import Float64

DRAWN, REJECTED = "drawn", "rejected"


@dataclass(frozen=True, slots=True)
class Shown:
    """How landslides of a class are shown."""

    name: str
    """Of the class: a confidence, or ``drawn`` or ``rejected``."""
    colour: str
    """Of the outline, as ``#rrggbb``."""
    label: str
    """What the legend calls it."""


# From the most certain on. Warm over any ground and told apart by brightness as well; what no network has seen is cold.
CLASSES = (
    Shown(HIGH, "#ff4a3d", "high confidence"),
    Shown(MEDIUM, "#ff9a2e", "medium confidence"),
    Shown(LOW, "#ffe45c", "low confidence"),
    Shown(DRAWN, "#5ce1ff", "drawn or reshaped by hand"),
    Shown(REJECTED, "#b9bec4", "not a landslide, by review"),
)
# Probability, from pale blue to violet: none of it looks like vegetation, soil or the warm outlines over it.
PALE, DEEP = (190, 210, 245), (74, 20, 134)
PALE_OPACITY, DEEP_OPACITY = 90, 210
CLEAR_BELOW = 0.1


def legend(confidence: Confidence) -> dict[str, str]:
    """What a legend says of each class, with the numbers that make it.

    Args:
        confidence: The classes of the model that found the landslides.
    """
    told = {name: f": {confidence.says(name)}" for name in CONFIDENCES}
    return {shown.name: shown.label + told.get(shown.name, "") for shown in CLASSES}


def classes_of(landslides: geopandas.GeoDataFrame, confidence: Confidence) -> NDArray[np.intp]:
    """The place of each landslide in `CLASSES`, shape ``(n,)``.

    Args:
        landslides: Of any inventory. What it says itself counts; without such a column, its probability does.
        confidence: The classes of the model that found them.
    """
    count = len(landslides)
    names = np.full(count, None, dtype=object)
    if "confidence" in landslides:
        told = landslides["confidence"].astype("object").to_numpy()
        names[:] = [name if name in CONFIDENCES else None for name in told]
    elif "prob_mean" in landslides:
        measures = ("prob_mean", "area_m2", "prob_spread")
        names = confidence.classify({name: column(landslides, name) for name in measures if name in landslides})
    if "status" in landslides:
        names = np.where(landslides["status"].astype("object").to_numpy() == NOT_LANDSLIDE, REJECTED, names)
    place = {shown.name: number for number, shown in enumerate(CLASSES)}
    return np.array([place[name or DRAWN] for name in names], dtype=np.intp)


def classes_there(landslides: geopandas.GeoDataFrame, confidence: Confidence) -> list[tuple[Shown, str]]:
    """The classes that some of the landslides have, with what a legend says of them; see `classes_of`."""
    labels = legend(confidence)
    there = set(classes_of(landslides, confidence).tolist())
    return [(shown, labels[shown.name]) for number, shown in enumerate(CLASSES) if number in there]


def probability_colour(share: Float64) -> NDArray[np.float64]:
    """Red, green, blue and opacity (0 to 255) of probabilities, shape ``(n, 4)``.

    Args:
        share: From 0, where anything is seen, to 1, shape ``(n,)``.
    """
    low, high = np.array([*PALE, PALE_OPACITY]), np.array([*DEEP, DEEP_OPACITY])
    colours: Float64 = low + (high - low) * share[:, None]
    return colours
