"""The model card: what a model is, what its pixels must be, what was measured."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landslide_cli._version import __version__
from landslide_cli.errors import ModelError, counted, is_number
from landslide_cli.parsing import OPEN, STRICT, ParseError, Positive, parse_json, read_text

VIEWS = ("none", "flips", "d4")  # see `landslide_cli.engine.views`
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Training:
    """The parts of a card's ``training`` that are read again; the rest is for people."""

    __pydantic_config__ = OPEN

    sources: tuple[dict[str, Any], ...] = ()
    letterbox: int = 0
    working_zoom: Positive = 1.0
    validation_groups: tuple[str, ...] = ()
    test_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The facts in ``<model_id>.json`` beside the weights; code reads them from nowhere else.

    Attributes:
        model_id: Name of the model.
        network: Name in the registry.
        arguments: What the network is built with.
        bands: Names of the bands, in order.
        value_range: Raw values that map to 0 and 1.
        mean: Mean of each band after that mapping.
        std: Standard deviation of each band after that mapping.
        resolution_m: Smallest and largest metres per pixel that the weights were trained for.
        threshold: Probability from which a pixel counts as landslide.
        sha256: Checksum of the weights file.
        licence: What a user may do with the weights.
        tta: Views of each window that threshold and metrics belong to, see `landslide_cli.engine.views`.
        min_area_m2: Smallest landslide that the model is known to see; 0 where nobody has looked.
        confidence: Classes of landslides by how often they are right, see `landslide_cli.inventory.confidence`; empty
            where nobody has measured them.
        version: Version of landslide-cli that wrote the card.
        training: Sources with licences, split, recipe.
        metrics: What was measured, site by site.
        known_failures: Where the model is known to be wrong.
    """

    __pydantic_config__ = STRICT

    model_id: str
    network: str
    arguments: dict[str, Any]
    bands: tuple[str, ...]
    value_range: tuple[float, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resolution_m: tuple[float, float]
    threshold: float
    sha256: str
    licence: str
    tta: str = "none"
    min_area_m2: float = 0.0
    confidence: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    known_failures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.bands) == len(self.mean) == len(self.std):
            raise ModelError(
                f"the card of {self.model_id} names {counted(len(self.bands), 'band')}, but "
                f"{counted(len(self.mean), 'mean')} and {counted(len(self.std), 'standard deviation')}; mend the card"
            )
        for right, what in (
            (self.bands, "names no band"),
            (
                _is_range(self.value_range),
                f"has a value_range of {self.value_range}, not of a lower and a higher number",
            ),
            (all(map(is_number, self.mean)), f"has a mean that is no number: {self.mean}"),
            (all(is_number(one) and one > 0 for one in self.std), f"has standard deviations that can't be: {self.std}"),
            (
                all(is_number(one) and one > 0 for one in self.resolution_m)
                and len(self.resolution_m) == 2
                and self.resolution_m[0] <= self.resolution_m[1],
                f"has a resolution_m of {self.resolution_m}, not of the smallest and the largest metres",
            ),
            (is_number(self.threshold) and 0 < self.threshold <= 1, f"has a threshold of {self.threshold}"),
            (SHA256.fullmatch(self.sha256), f"has a checksum that is none: {self.sha256[:64]!r}"),
            (self.tta in VIEWS, f"has tta {self.tta!r}, which is none of {', '.join(VIEWS)}"),
        ):
            if not right:
                raise ModelError(f"the card of {self.model_id} {what}; mend the card")

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def card_text(card: ModelCard) -> str:
    """The card as it travels in an exported file."""
    return json.dumps(asdict(card) | {"exported_by": f"landslide-cli {__version__}"}, ensure_ascii=False)


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: the file is missing, isn't JSON, lacks an entry or has one that nobody reads or that can't be.
    """
    try:
        return parse_card(read_text(path), str(path))
    except ParseError as error:
        raise ModelError(f"{path} is not a model card: {error}") from error
    except OSError as error:
        raise ModelError(f"{path}: no model card there; it belongs beside the weights") from error


def parse_card(text: str, where: str, *, ignored: Sequence[str] = ()) -> ModelCard:
    """Read a card from its text; ``where`` it came from is for messages.

    Raises:
        ModelError: as `read_card`; entries named by ``ignored`` may be there.
    """
    try:
        entries = parse_json(dict[str, Any], text)
        card = parse_json(ModelCard, json.dumps({key: entries[key] for key in entries if key not in ignored}))
        parse_json(Training, json.dumps(card.training))
    except ParseError as error:
        raise ModelError(f"{where} is not a model card of this version: {error}") from error
    return card


def _is_range(values: Sequence[float]) -> bool:
    return len(values) == 2 and all(map(is_number, values)) and values[0] < values[1]


def checksum(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
