"""One scene of many: what is asked of it, whether that is done, and doing it."""

from __future__ import annotations

import glob
import inspect
import json
import shutil
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from landslide_cli.batch.finding import Found, stamps_of
from landslide_cli.batch.ledger import Record
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import detect
from landslide_cli.engine.choice import open_engine
from landslide_cli.engine.kept import OpenEngine
from landslide_cli.errors import (
    AreaError,
    DeviceError,
    LandslideError,
    MissingExtraError,
    ModelError,
    OutsideAreaError,
)
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic.encoding import Boundary
from landslide_cli.prediction.predictor import OnProgress

# Raised when the same program may give other results for the same wishes.
FORMAT = 1
# Errors that every scene would meet.
HOPELESS = (ModelError, DeviceError, MissingExtraError, AreaError)
# Where and how fast a scene is done isn't what is asked of it: machines that share a batch may differ in these.
HOW = ("device", "batch_size")
RASTERS = ("probability", "mask", "spread")


class Settings(TypedDict, total=False):
    """What of `landslide_cli.detect` is asked of every scene alike."""

    model: str | Path
    threshold: float | None
    min_area: float
    fill_holes: float
    simplify: float
    connectivity: int
    boundary: Boundary
    dem: str | Path | None
    min_slope: float
    overlap: int
    batch_size: int | None
    engine: str
    device: str
    precision: str
    tta: str | None
    bands: Sequence[int] | None
    scale: tuple[float, float] | None
    resolution: float | None
    aoi: str | Path | None
    bbox: tuple[float, float, float, float] | None
    stac: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One scene and what is asked of it; all of it can be sent to another process.

    Attributes:
        name: What its outputs are called.
        scene: Where it lies.
        pixels: Its rows times columns.
        outputs: Files to write.
        settings: What is asked.
        asked: The same with what it depends on (model, stamps of files), as JSON gives it back.
    """

    name: str
    scene: str
    pixels: int
    outputs: Outputs
    settings: Settings
    asked: dict[str, Any]

    @property
    def files(self) -> list[Path]:
        """Files to write, without the styles beside them."""
        outputs = self.outputs
        paths = (outputs.inventory, outputs.probability, outputs.mask, outputs.spread, outputs.stac)
        return [path for path in paths if path is not None]

    def left(self, record: Record | None) -> str:
        """Why there is something to do; empty if there isn't."""
        if record is None:
            return "new"
        if record.state == "failed":
            return "failed before"
        changed = [name for name in self.asked if record.asked.get(name) != self.asked[name]]
        if changed:
            return f"changed: {', '.join(changed)}"
        if record.state == "done":
            missing = [path.name for path in self.files if path.name not in record.outputs or not path.exists()]
            if missing:
                return f"missing: {', '.join(missing)}"
        return ""

    def foreign(self, record: Record | None) -> list[Path]:
        """Files in the way that the batch didn't write, or that somebody has changed since."""
        known = record.outputs if record else {}
        return [path for path in self.files if path.exists() and known.get(path.name) != _stamp(path)]


def make_task(
    scene: Found, name: str, folder: Path, card: ModelCard, settings: Settings, rasters: Mapping[str, bool]
) -> Task:
    """Decide what a scene's outputs are called, and all that its result depends on."""
    wanted = {kind: folder / f"{name}_{kind}.tif" for kind in RASTERS if rasters.get(kind)}
    outputs = Outputs.named(folder / f"{name}.gpkg", **wanted, stac=settings.get("stac", False))
    return Task(name, scene.path, scene.pixels, outputs, settings, _asked(scene, card, settings))


def _asked(scene: Found, card: ModelCard, settings: Settings) -> dict[str, Any]:
    defaults = {name: given.default for name, given in inspect.signature(detect).parameters.items()}
    asked: dict[str, Any] = {name: defaults[name] for name in Settings.__annotations__ if name not in HOW}
    asked |= {name: value for name, value in settings.items() if name in asked}
    # The card decides what isn't said.
    asked |= {"threshold": asked["threshold"] or card.threshold, "tta": asked["tta"] or card.tta}
    facts = (card.bands, card.value_range, card.mean, card.std, card.resolution_m)
    asked |= {"model": [card.model_id, card.sha256, *facts], "scene": scene.stamps, "format": FORMAT}
    for name in ("aoi", "dem"):
        if asked[name] is not None:
            asked[name] = stamps_of(asked[name])
    # stac asks for a file, which is there or isn't.
    del asked["stac"]
    told: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return told


def attempt(
    task: Task, *, command: str | None = None, on_progress: OnProgress | None = None, opener: OpenEngine = open_engine
) -> Record:
    """Do one scene; what goes wrong with it alone becomes part of the record.

    Raises:
        LandslideError: what would go wrong with every scene.
    """
    for path in task.files:
        # A process that was killed could not clear its unfinished files away.
        for unfinished in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
            shutil.rmtree(unfinished, ignore_errors=True)
    outputs = task.outputs
    try:
        summary = detect(
            task.scene, outputs.inventory, probability=outputs.probability, mask=outputs.mask, spread=outputs.spread,
            overwrite=True, command=command, on_progress=on_progress, opener=opener, **task.settings,
        )  # fmt: skip
    except OutsideAreaError as error:
        return Record("outside", task.asked, reason=str(error))
    except HOPELESS:
        raise
    except LandslideError as error:
        return Record("failed", task.asked, reason=str(error))
    except Exception as error:  # whatever a library can say of a scene; the other scenes can't help it
        reason = (str(error).strip().splitlines() or [""])[0]
        return Record("failed", task.asked, reason=f"{type(error).__name__}: {reason}", trace=traceback.format_exc())
    written = {path.name: _stamp(path) for path in task.files}
    return Record("done", task.asked, outputs=written, found=json.loads(json.dumps(asdict(summary))))


def _stamp(path: Path) -> list[Any]:
    return list(stamps_of(path)[0])
