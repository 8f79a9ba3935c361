"""The landslides as the page's table, map and filters hold them."""

from __future__ import annotations

import hashlib
from typing import Any

import geopandas
import numpy as np
import shapely

from landslide_cli.inventory.classes import CLASSES, REJECTED, classes_of
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.review import STATUSES
from landslide_cli.inventory.styling import STATUS_WORDS
from landslide_cli.report.facts import numbers, status_of
from landslide_cli.typing import Float64

# Attribute, heading, unit and decimals of each column; None where it is yes or no.
COLUMNS: tuple[tuple[str, str, str, int | None], ...] = (
    ("id", "No.", "", 0), ("area_m2", "Area", "m²", 0), ("prob_mean", "Probability", "", 2),
    ("prob_before", "Before", "", 2), ("new", "New", "", None),
    ("prob_spread", "Spread", "", 2), ("length_m", "Length", "m", 0), ("width_m", "Width", "m", 0),
    ("azimuth_deg", "Direction", "°", 0),
    ("relief_m", "Relief", "m", 0), ("slope_mean_deg", "Slope", "°", 0), ("aspect_deg", "Aspect", "°", 0),
    ("h_over_l", "H/L", "", 2), ("nearest_m", "Nearest", "m", 0), ("lat", "Latitude", "°", 5),
    ("lon", "Longitude", "°", 5), ("cut", "Cut", "", None), ("seen", "Scenes that saw it", "", 0),
    ("analysed_by", "Scenes that looked", "", 0),
)  # fmt: skip
# What stands before confidence and status.
FIRST = ("id", "area_m2", "prob_mean", "prob_before", "new")
# Beside a map there is room for so many; the details and the wide table have all.
MAIN = ("id", "area_m2", "prob_mean", "new", "confidence", "status")
# Texts that the details show.
TEXTS = {"scenes": "Seen by"}
# What the filter and the table call a confidence, from the lowest on, so that the highest is the largest.
WORDS = tuple(shown.name for shown in CLASSES[::-1] if shown.name != REJECTED)
OF_REVIEW = ("note", "reviewer", "reviewed_at")


def table_of(landslides: geopandas.GeoDataFrame, areas: Float64, confidence: Confidence) -> dict[str, Any]:
    """The landslides as JSON holds them, with null for what isn't known; columns of which nothing is are left out.

    Args:
        landslides: Of any inventory.
        areas: Their areas in m², shape ``(n,)``.
        confidence: The classes of the model that found them.
    """
    # What a person decides on the page changes these, so the class is told without it.
    classes = classes_of(landslides.drop(columns="status", errors="ignore"), confidence)
    columns, values = _measured(landslides, areas)
    words = {
        "confidence": ("Confidence", WORDS, [WORDS.index(CLASSES[number].name) for number in classes]),
        "status": (
            "Status",
            tuple(STATUS_WORDS[status] for status in STATUSES),
            [STATUSES.index(status) for status in status_of(landslides)],
        ),
    }
    first = sum(column["name"] in FIRST for column in columns)
    for place, (name, (label, said, codes)) in enumerate(words.items(), first):
        columns.insert(place, {"name": name, "label": label, "unit": "", "digits": 0, "main": True, "words": said})
        values.insert(place, codes)
    return {
        "columns": columns,
        "values": values,
        "texts": [{"label": label, "texts": _texts(landslides, name)} for name, label in TEXTS.items()
                  if name in landslides],
        "reviews": _reviews(landslides),
        "statuses": [[status, STATUS_WORDS[status]] for status in STATUSES],
        "classes": classes.tolist(),
        "colours": [shown.colour for shown in CLASSES],
        "rejected": [shown.name for shown in CLASSES].index(REJECTED),
    }  # fmt: skip


def identity(landslides: geopandas.GeoDataFrame) -> str:
    """What tells an inventory from every other one: of the numbers and outlines of its landslides."""
    digest = hashlib.sha256()
    told = numbers(landslides, "id")
    digest.update(b"" if told is None else told.tobytes())
    for outline in shapely.to_wkb(landslides.geometry.to_numpy(), byte_order=1):
        digest.update(outline)
    return digest.hexdigest()[:32]


def _measured(landslides: geopandas.GeoDataFrame, areas: Float64) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    counted = np.arange(1, len(landslides) + 1, dtype=np.float64)
    columns, values = [], []
    for name, label, unit, digits in COLUMNS:
        column = areas if name == "area_m2" else numbers(landslides, name)
        if column is None and name == "id":
            column = counted
        if column is None or (name != "id" and not np.isfinite(column).any()):
            continue
        columns.append({"name": name, "label": label, "unit": unit, "digits": digits, "main": name in MAIN})
        # Areas are added up, so they keep what the table doesn't show.
        decimals = 2 if name == "area_m2" else digits or 0
        exact = np.where(np.isfinite(column), column, np.nan).round(decimals).tolist()
        values.append([None if value != value else value if decimals else int(value) for value in exact])
    return columns, values


def _texts(landslides: geopandas.GeoDataFrame, name: str) -> list[str]:
    return [text if isinstance(text, str) else "" for text in landslides[name].astype("object")]


def _reviews(landslides: geopandas.GeoDataFrame) -> dict[str, list[str]]:
    """Note, reviewer and time of each landslide that has some, by its place."""
    told = [_texts(landslides, name) if name in landslides else [""] * len(landslides) for name in OF_REVIEW]
    return {str(place): list(row) for place, row in enumerate(zip(*told, strict=True)) if any(row)}
