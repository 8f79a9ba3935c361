"""How far the network can be trusted with a landslide: three classes by its probability, its size and its spread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_cli.errors import ModelError
from landslide_cli.inventory.attributes import Columns
from landslide_cli.parsing import STRICT, ParseError, parse_json
from landslide_cli.typing import Bools

HIGH, MEDIUM, LOW = "high", "medium", "low"
CONFIDENCES = (HIGH, MEDIUM, LOW)
TAG = "LANDSLIDE_CONFIDENCE"


@dataclass(frozen=True, slots=True)
class Bar:
    """The measures that a landslide must reach to be of a class. What isn't known of it isn't asked."""

    __pydantic_config__ = STRICT

    prob_mean: float = 0.0
    """Smallest mean probability."""
    area_m2: float = 0.0
    """Smallest area in m²."""
    prob_spread: float | None = None
    """Largest mean spread between views; None for any."""
    precision: float | None = None
    """Part of the validation's landslides of the class that are landslides; None where nobody measured it."""
    landslides: int | None = None
    """How many it was measured on."""

    def reached(self, columns: Columns) -> Bools:
        """Which landslides reach it, shape ``(n,)``, by the attributes of these names."""
        reached: Bools = columns["prob_mean"] >= self.prob_mean
        if "area_m2" in columns:
            reached &= ~(columns["area_m2"] < self.area_m2)
        if "prob_spread" in columns and self.prob_spread is not None:
            reached &= ~(columns["prob_spread"] > self.prob_spread)
        return reached

    def __str__(self) -> str:
        """The bar in words."""
        words = [f"mean probability {self.prob_mean:g} or more"] if self.prob_mean else []
        words += [f"{self.area_m2:,.0f} m² or more"] if self.area_m2 else []
        words += [f"spread up to {self.prob_spread:g}"] if self.prob_spread is not None else []
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Confidence:
    """The classes of a model. A landslide is of the first whose bar it reaches; ``low`` is the rest.

    Attributes:
        high: None if nothing was found that is right often enough.
        medium: The same.
        low: Has no bar; its precision alone says something.
    """

    __pydantic_config__ = STRICT

    high: Bar | None = None
    medium: Bar | None = None
    low: Bar = Bar()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Confidence:
        """The classes of a model card's entry ``confidence``; `DEFAULT` if it is empty.

        Raises:
            ModelError: it holds something else.
        """
        if not entry:
            return DEFAULT
        try:
            return parse_json(cls, json.dumps(dict(entry)))
        except ParseError as error:
            raise ModelError(
                f"a model's confidence {dict(entry)} isn't one of this version: {error}; compute it anew with "
                "landslide models confidence"
            ) from error

    @classmethod
    def told(cls, tags: Mapping[str, str]) -> Confidence:
        """The classes that the provenance of an output tells; `DEFAULT` if it tells none, or some of another kind."""
        try:
            return cls.of(parse_json(dict[str, Any], tags.get(TAG, "{}")))
        except (ParseError, ModelError):
            return DEFAULT

    def as_entry(self) -> dict[str, dict[str, float] | None]:
        """As a model card holds it, without what isn't asked and not known."""
        default = asdict(Bar())
        bars: dict[str, Bar | None] = {name: getattr(self, name) for name in CONFIDENCES}
        return {
            name: None if bar is None else {key: value for key, value in asdict(bar).items() if value != default[key]}
            for name, bar in bars.items()
        }

    def as_text(self) -> str:
        """As provenance holds it, in JSON."""
        return json.dumps(self.as_entry(), separators=(",", ":"))

    def classify(self, columns: Columns) -> NDArray[np.object_]:
        """The class of each landslide, shape ``(n,)``; None where its mean probability isn't known.

        Args:
            columns: ``prob_mean`` and, as far as they are known, ``area_m2`` and ``prob_spread``, each ``(n,)``.
        """
        known = np.isfinite(columns["prob_mean"])
        found = np.full(len(known), None, dtype=object)
        found[known] = LOW
        for name, bar in ((MEDIUM, self.medium), (HIGH, self.high)):
            if bar is not None:
                found[known & bar.reached(columns)] = name
        return found

    def says(self, name: str) -> str:
        """What a legend says of a class: its bar, and how often it was right."""
        bar: Bar | None = getattr(self, name)
        if bar is None:
            return "none: no class was right often enough"
        words = str(bar) or "the rest"
        right = "" if bar.precision is None else f"; {bar.precision:.0%} right on held-out images"
        return words + right


# Without a measured entry in the model's card: by probability alone, and nobody knows how often it is right.
DEFAULT = Confidence(high=Bar(0.75), medium=Bar(0.6))
