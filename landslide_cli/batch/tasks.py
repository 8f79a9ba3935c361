"""One scene of many: what is asked of it, whether that is done, and doing it."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from landslide_cli.batch.finding import Found
from landslide_cli.batch.ledger import Ledger, Record, Stamp, stamp_of
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import detect
from landslide_cli.detection.summary import Summary
from landslide_cli.engine import Engine
from landslide_cli.errors import (
    AreaError,
    ClusterError,
    DeviceError,
    LandslideError,
    MissingExtraError,
    ModelError,
    OutsideAreaError,
    without_secrets,
)
from landslide_cli.files.interrupts import asked_to_stop, finishing
from landslide_cli.files.stamps import stamps_of
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

# Raised when the same program may give other results for the same wishes.
FORMAT = 2
# Errors that every scene would meet.
HOPELESS = (ModelError, DeviceError, MissingExtraError, AreaError, ClusterError)
# Where and how fast a scene is done isn't what is asked of it: machines that share a batch may differ in these.
HOW = ("device", "batch_size", "workers", "cluster", "resume")
UNIT = r"_(m2|m|deg)$"  # at the end of a name in Python; the command line has none
RASTERS = ("probability", "mask", "spread")


Also = Literal["probability", "mask", "spread", "stac"]
ALSO: tuple[Also, ...] = get_args(Also)


@dataclass(frozen=True, slots=True)
class Wish:
    """The options that every scene shares, with the model card's where none was given."""

    view: View
    rules: PolygonRules
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Task:
    """One scene and what is asked of it; all of it can be sent to another process.

    Attributes:
        name: What its outputs are called.
        scene: How it was given, or found.
        where: Where it lies, without secrets.
        pixels: Its rows times columns.
        outputs: Files to write.
        wish: What is asked.
        asked: The same with what it depends on (model, stamps of files), as JSON gives it back.
    """

    name: str
    scene: str
    where: str
    pixels: int
    outputs: Outputs
    wish: Wish
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
        if record.state == "begun":
            return "interrupted"
        changed = [name for name in self.asked if record.asked.get(name) != self.asked[name]]
        if changed:
            return f"changed: {', '.join(re.sub(UNIT, '', name) for name in changed)}"
        return record.flaw(self.files) if record.state == "done" else ""

    def foreign(self, record: Record | None) -> list[Path]:
        """Files in the way that the batch didn't write, or that somebody has changed since."""
        there = [path for path in self.files if path.exists()]
        return [path for path in there if record is None or not (record.is_own(path) or record.is_spoilt(path))]


def make_task(name: str, scene: Found, folder: Path, card: ModelCard, wish: Wish, also: Collection[Also]) -> Task:
    """Decide what a scene's outputs are called, and all that its result depends on."""
    inventory = folder / f"{name}.gpkg"
    probability, mask, spread = (folder / f"{name}_{kind}.tif" if kind in also else None for kind in RASTERS)
    outputs = Outputs(inventory, probability, mask, spread, "stac" in also)
    return Task(name, scene.path, scene.where, scene.pixels, outputs, wish, _asked(scene, card, wish))


def _asked(scene: Found, card: ModelCard, wish: Wish) -> dict[str, Any]:
    asked = asdict(wish.view) | asdict(wish.rules) | asdict(wish.runtime)
    for name in HOW:
        del asked[name]
    facts = (card.bands, card.value_range, card.mean, card.std, card.resolution_m)
    asked |= {"model": [card.model_id, card.sha256, *facts], "scene": scene.stamps, "format": FORMAT}
    for name in ("aoi", "dem", "before"):
        if asked[name] is not None:
            asked[name] = stamps_of(asked[name])
    told: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return told


class Attempt:
    """One try at a scene; what goes wrong with it alone becomes part of the record.

    Args:
        task: What to do.
        ledger: Where what becomes of it is noted.
        command: Command line to note in the layer ``runs``.

    Attributes:
        task: As given.
        outputs: Files to write, with which the ledger learns of them before they have their names.
    """

    def __init__(self, task: Task, ledger: Ledger, command: str | None = None) -> None:
        self.task, self._ledger = task, ledger
        before = ledger.read(task.name)
        own = {path.name: stamp_of(path) for path in task.files if before and before.is_own(path)}
        self._begun = Record("begun", task.asked, task.where, outputs=own)
        self._naming: dict[str, Stamp] = {}
        self.outputs = replace(task.outputs, command=command).calling(self._note)

    def _note(self, places: dict[Path, Path]) -> None:
        # If the run is killed while files get their names, the next one knows them for its own by this.
        self._naming.update({path.name: stamp_of(places[path]) for path in self.task.files})
        self._ledger.write(self.task.name, replace(self._begun, naming=self._naming))

    def record(self, work: Callable[[], Summary]) -> Record:
        """Do the work, and note in the ledger what becomes of it.

        Raises:
            LandslideError: what would go wrong with every scene.
        """
        task, begun = self.task, self._begun
        failed = replace(begun, state="failed")
        # A signal that comes when the files have their names must not part them from their record.
        with finishing():
            try:
                with asked_to_stop.obeyed():
                    found = json.loads(json.dumps(asdict(work())))
                record = Record("done", task.asked, task.where, outputs=self._naming, found=found)
            except OutsideAreaError as error:
                record = replace(begun, state="outside", reason=str(error))
            except HOPELESS:
                raise
            except LandslideError as error:
                record = replace(failed, reason=str(error))
            except Exception as error:  # whatever a library can say of a scene; the other scenes can't help it
                reason = without_secrets((str(error).strip().splitlines() or [""])[0])
                trace = without_secrets(traceback.format_exc())
                record = replace(failed, reason=f"{type(error).__name__}: {reason}", trace=trace)
            self._ledger.write(task.name, record)
        return record


def attempt(
    task: Task,
    ledger: Ledger,
    *,
    engine: Callable[[], Engine] | None = None,
    command: str | None = None,
    on_progress: OnProgress | None = None,
) -> Record:
    """Do one scene in this process, and note it in the ledger.

    Args:
        task: What to do.
        ledger: Where what becomes of it is noted.
        engine: Gives the engine that is used for one scene after the other; opened for this scene by default.
        command: Command line to note in the layer ``runs``.
        on_progress: Called after each window with the scene's pixels done and in all.

    Raises:
        LandslideError: what would go wrong with every scene.
    """
    wish, trying = task.wish, Attempt(task, ledger, command)

    def work() -> Summary:
        return detect(
            task.scene, trying.outputs, view=wish.view, rules=wish.rules, runtime=wish.runtime, overwrite=True,
            engine=engine() if engine else None, on_progress=on_progress,
        )  # fmt: skip

    return trying.record(work)


Doing = Callable[[list[Task]], AbstractContextManager[Callable[[Task], Record]]]
"""Where scenes are done: for scenes in their order, it gives what does one of them and notes it."""
