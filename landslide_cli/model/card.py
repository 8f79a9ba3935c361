"""The model card: what a model is, what its pixels must be, what was measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from landslide_cli._version import __version__
from landslide_cli.errors import ModelError, counted


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
        version: Version of landslide-cli that wrote the card.
        training: Sources with licences, split, recipe.
        metrics: What was measured, site by site.
        known_failures: Where the model is known to be wrong.
    """

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

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def card_text(card: ModelCard) -> str:
    """The card as it travels in an exported file."""
    return json.dumps(asdict(card) | {"exported_by": f"landslide-cli {__version__}"}, ensure_ascii=False)


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: the file is missing, isn't JSON, lacks an entry or has one that nobody reads.
    """
    try:
        return parse_card(path.read_text(), str(path))
    except OSError as error:
        raise ModelError(f"{path}: no model card there; it belongs beside the weights") from error


def parse_card(text: str, where: str, *, ignored: Sequence[str] = ()) -> ModelCard:
    """Read a card from its text; ``where`` it came from is for messages.

    Raises:
        ModelError: as `read_card`; entries named by ``ignored`` may be there.
    """
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"{where} is not a model card: {error}") from error
    known = {entry.name for entry in fields(ModelCard)} | set(ignored)
    if not isinstance(entries, dict) or entries.keys() - known:
        extra = ", ".join(sorted(entries.keys() - known)) if isinstance(entries, dict) else "no object"
        raise ModelError(f"{where} is not a model card of this version: unknown entries {extra}")
    values: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in entries.items() if key not in ignored
    }
    try:
        return ModelCard(**values)
    except TypeError as error:
        raise ModelError(f"{where} is not a complete model card: {error}") from error


def checksum(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
