"""A recipe: everything that decides a training, in one TOML file that is kept beside the weights."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from landslide_cli.errors import TrainingDataError
from landslide_cli.training.augment import Augmentation


@dataclass(frozen=True, slots=True)
class Source:
    """One folder of chips and what may be said of it.

    ``share`` is the part of all training crops that comes from here; ``zoom`` scales its pixels
    before the phase's own zoom, so that sources of different resolution meet.
    """

    name: str
    path: str
    share: float
    resolution_m: tuple[float, float]
    citation: str = ""
    licence: str = ""
    zoom: float = 1.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A number of optimizer steps on crops of one size."""

    steps: int
    batch: int
    size: int
    zoom: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, on what, how long."""

    model_id: str
    sources: tuple[Source, ...]
    phases: tuple[Phase, ...]
    resolution_m: tuple[float, float]
    network: str = "msasnet"
    arguments: dict[str, Any] = field(default_factory=dict)
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    seed: int = 0
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.03
    ema_decay: float = 0.998
    augmentation: Augmentation = Augmentation()
    licence: str = ""
    known_failures: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Optimizer steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def zoom(self) -> float:
        """At which zoom chips are judged: that of the last phase."""
        return self.phases[-1].zoom

    def phase_at(self, step: int) -> Phase:
        """The phase that optimizer step ``step``, counted from 0, belongs to."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        TrainingDataError: the file isn't TOML, lacks an entry, or has one that nobody reads.
    """
    try:
        table = tomllib.loads(path.read_text())
        table["sources"] = tuple(_build(Source, entry) for entry in table["sources"])
        table["phases"] = tuple(_build(Phase, entry) for entry in table["phases"])
        table["augmentation"] = _build(Augmentation, table.get("augmentation", {}))
        recipe: Recipe = _build(Recipe, table)
        return recipe
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise TrainingDataError(f"{path} is not a recipe: {error}") from error


def _build(kind: Any, table: dict[str, Any]) -> Any:
    unknown = table.keys() - {entry.name for entry in fields(kind)}
    if unknown:
        raise TypeError(f"unknown entries {', '.join(sorted(unknown))}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})
