"""A recipe: everything that decides a training, in one TOML file that is kept beside the weights."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from landslide_cli.errors import TrainingDataError
from landslide_cli.parsing import STRICT, Count, NotNegative, Positive, Share, parse_json, read_text
from landslide_cli.training.augment import Augmentation

CHOICES = {
    "optimizer": ("adamw", "muon", "sgd"),
    "schedule": ("cosine", "constant"),
    "loss": ("bce_dice", "bce"),
    "split": ("groups", "random"),
    "precision": ("bfloat16", "float32"),
    "tta": ("none", "flips", "d4"),
}
Steps = Annotated[int, Interval(ge=1, le=10**8)]
# Of a batch, and of the side of a crop: no machine holds more.
Size = Annotated[int, Interval(ge=1, le=8192)]


@dataclass(frozen=True, slots=True)
class Source:
    """One folder of chips and what may be said of it.

    ``share`` is the part of all training crops that comes from here; ``zoom`` scales its pixels
    before the phase's own zoom, so that sources of different resolution meet. With ``seen_m`` the network sees the
    source at any of these metres per pixel instead, log-uniform, whatever ``zoom`` and ``scale_jitter`` say. ``scale``
    gives the raw values that become 0 and 255 where the images aren't 8-bit. ``rim`` is the number of pixels to each
    side of an outline that training passes over.
    """

    __pydantic_config__ = STRICT

    name: str
    path: str
    share: Share
    resolution_m: tuple[Positive, Positive]
    citation: str = ""
    licence: str = ""
    zoom: Positive = 1.0
    scale: tuple[float, float] | None = None
    seen_m: tuple[Positive, Positive] | None = None
    rim: Count = 0

    def __post_init__(self) -> None:
        for name in ("resolution_m", "scale", "seen_m"):
            given = getattr(self, name)
            if given is not None and (given[0] > given[1] or (name == "scale" and given[0] == given[1])):
                raise TrainingDataError(
                    f"{name} = {list(given)} of {self.name} doesn't go from the smaller to the larger"
                )

    @property
    def native_m(self) -> float:
        """Metres per pixel, the geometric mean where they differ from image to image."""
        return math.sqrt(self.resolution_m[0] * self.resolution_m[1])


@dataclass(frozen=True, slots=True)
class Phase:
    """A number of optimizer steps on crops of one size; ``batch`` counts the crops of a step on all devices."""

    __pydantic_config__ = STRICT

    steps: Steps
    batch: Size
    size: Size
    zoom: Positive = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the ground, and patterns of the groups that lie there: it is left out of training as a whole."""

    __pydantic_config__ = STRICT

    name: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, on what, how long.

    Attributes:
        model_id: Name of the model.
        sources: Folders of chips.
        phases: Steps, batch and size, one phase after the other.
        resolution_m: Metres per pixel that the weights will be good for, smallest and largest.
        network: Name in the registry.
        arguments: What the network is built with.
        start: Weights to start from (``.safetensors`` with its card), relative to the recipe; none if empty.
        teacher: Weights (``.safetensors`` with its card), relative to the recipe, whose answers are learned beside the
            masks; none if empty.
        teacher_share: Part of the truth that is the teacher's answer.
        places: Places that `landslide compare --places` leaves out in turn.
        split: ``groups`` holds out the patterns of ``validation`` and ``test``; ``random`` draws a tenth of
            all images for each.
        validation: Patterns of groups that choose threshold and, with ``patience``, the step.
        test: Patterns of groups that choose nothing.
        working_zoom: Zoom at which chips are judged and the model is meant to work; that of the last phase if 0.
        seed: Decides everything random.
        encoder: VGG-16 to begin with, or an encoder fitted before, relative to the recipe; none if empty.
        encoder_rate: Learning rate of the encoder's layers, as part of that of the others.
        encoder_licence: What a user may do with the encoder, where its file isn't a known one.
        optimizer: ``adamw``, ``muon`` or ``sgd``.
        learning_rate: The highest one.
        momentum: Of ``sgd``.
        weight_decay: On weights, not on biases and norms.
        schedule: ``cosine`` falls to a hundredth, ``constant`` stays; both after the warm-up.
        warmup: Part of the steps over which the learning rate rises.
        ema_decay: Of the averaged weights; 0 leaves averaging out.
        loss: ``bce_dice`` or ``bce``.
        precision: ``bfloat16`` or ``float32``.
        letterbox: Side of the square that whole images are fitted into. Each image then comes once in each
            pass, without augmentation, whatever the shares; 0 trains on augmented crops.
        patience: Validations without a better F1 after which training stops, and the best step's weights are
            written; 0 goes on to the end.
        hard_every: Steps after which images without landslide are scored, and again; 0 never.
        hard_share: Part of the draws of such images that goes by score.
        augmentation: How far the random changes of crops go.
        tta: Views of each window by which the model is judged, and used unless told otherwise.
        licence: What a user may do with the weights.
        known_failures: Where the model is known to be wrong.
    """

    __pydantic_config__ = STRICT

    model_id: str
    sources: tuple[Source, ...]
    phases: tuple[Phase, ...]
    resolution_m: tuple[Positive, Positive]
    network: str = "msasnet"
    arguments: dict[str, Any] = field(default_factory=dict)
    start: str = ""
    teacher: str = ""
    teacher_share: Share = 0.7
    places: tuple[Place, ...] = ()
    split: str = "groups"
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    working_zoom: NotNegative = 0.0
    seed: Count = 0
    encoder: str = ""
    encoder_rate: Positive = 0.3
    encoder_licence: str = ""
    optimizer: str = "adamw"
    learning_rate: Positive = 1e-3
    momentum: Share = 0.9
    weight_decay: NotNegative = 0.05
    schedule: str = "cosine"
    warmup: Share = 0.03
    ema_decay: Share = 0.998
    loss: str = "bce_dice"
    precision: str = "bfloat16"
    letterbox: Annotated[int, Interval(ge=0, le=8192)] = 0
    patience: Count = 0
    hard_every: Count = 0
    hard_share: Share = 0.5
    augmentation: Augmentation = Augmentation()
    tta: str = "none"
    licence: str = ""
    known_failures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise TrainingDataError(f"{name} = {getattr(self, name)!r} is not one of {', '.join(choices)}")
        if self.start and self.encoder:
            raise TrainingDataError("start gives all weights and encoder some of them; leave one of the two out")
        if not self.encoder_rate > 0:
            raise TrainingDataError(f"encoder_rate = {self.encoder_rate} is not more than 0")
        if self.letterbox and {phase.size for phase in self.phases} != {self.letterbox}:
            raise TrainingDataError(f"letterbox = {self.letterbox} needs phases of that size")
        if self.split == "random" and (self.validation or self.test):
            raise TrainingDataError('split = "random" draws the held-out images itself; leave out validation and test')

    @property
    def steps(self) -> int:
        """Optimizer steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def zoom(self) -> float:
        """At which zoom chips are judged."""
        return self.working_zoom or self.phases[-1].zoom

    def zoom_of(self, source: Source) -> float:
        """Pixels of the network for each of a source's when it is judged, before `zoom`: as `detect` would see it."""
        if source.seen_m is None:
            return source.zoom
        low, high = self.resolution_m
        return source.native_m / min(max(source.native_m, low), high)

    def zooms_of(self, source: Source) -> tuple[float, float]:
        """Smallest and largest zoom of a source in training, before the phase's."""
        if source.seen_m is None:
            jitter = self.augmentation.scale_jitter
            return source.zoom / jitter, source.zoom * jitter
        finest, coarsest = source.seen_m
        return source.native_m / coarsest, source.native_m / finest

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
        TrainingDataError: the file isn't TOML, lacks an entry, has one that nobody reads or a value that isn't known.
    """
    try:
        table = tomllib.loads(read_text(path))
        # JSON has no dates; a recipe has none either, so that they are refused as texts.
        recipe = parse_json(Recipe, json.dumps(table, default=str))
    except RecursionError as error:
        raise TrainingDataError(f"{path} is not a recipe: lists in lists in lists") from error
    except (OSError, ValueError) as error:
        raise TrainingDataError(f"{path} is not a recipe: {error}") from error
    beside = {
        name: str(path.parent / getattr(recipe, name))
        for name in ("start", "teacher", "encoder")
        if getattr(recipe, name)
    }
    return replace(recipe, **beside)  # type: ignore[arg-type]
