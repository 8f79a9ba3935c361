"""The run over many scenes: share them with other processes, and merge what was found."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from landslide_cli._version import __version__
from landslide_cli.batch.finding import MERGED, Found
from landslide_cli.batch.ledger import Ledger, Record
from landslide_cli.batch.merging import merge
from landslide_cli.batch.parts import Part
from landslide_cli.batch.planning import LEDGER, Batch, plan_batch, plan_line
from landslide_cli.batch.tasks import Also, Task, attempt, stamp_of
from landslide_cli.detection.summary import nan_as_none
from landslide_cli.engine import Engine
from landslide_cli.errors import shown, without_secrets
from landslide_cli.files.interrupts import finishing
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

log = logging.getLogger(__name__)

POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class SceneResult:
    """The outcome of one scene.

    Attributes:
        scene: Where it lies.
        out: Its inventory; None if there is none.
        state: ``done``, ``failed``, or ``outside`` of the area of interest.
        landslides: Polygons that were found; None if it isn't done.
        area_m2: Their area together; None if it isn't done or has no CRS.
        reason: Why it failed.
    """

    scene: str
    out: str | None
    state: str
    landslides: int | None
    area_m2: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """The landslides of all scenes, in numbers.

    Attributes:
        out: The merged inventory; None if no scene is done.
        scenes: What became of each.
        done: Scenes that are done, those of earlier runs included.
        outside: Scenes that the area of interest doesn't meet.
        failed: Scenes that failed.
        landslides: Polygons of the merged inventory.
        area_m2: Their area together; None without a CRS.
        analysed_m2: Area that the network has looked at, scene by scene; None without a CRS.
        overlapping: Landslides that overlap one of another scene, so that they count more than once.
        overlap_m2: Area that counts more than once for that; None without a CRS.
        crs: Of the merged inventory.
        left_out: Scenes without a CRS that the merged inventory can't place.
    """

    out: str | None
    scenes: tuple[SceneResult, ...]
    done: int
    outside: int
    failed: int
    landslides: int = 0
    area_m2: float | None = None
    analysed_m2: float | None = None
    overlapping: int = 0
    overlap_m2: float | None = None
    crs: str | None = None
    left_out: tuple[str, ...] = ()


@foreign_errors()
def run_batch(
    scenes: Iterable[str | Path] | Sequence[Found],
    folder: str | Path,
    *,
    view: View = View(),
    rules: PolygonRules = PolygonRules(),
    runtime: Runtime = Runtime(),
    also: Collection[Also] = (),
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> BatchSummary:
    """Find the landslides in many scenes; each gets its inventory in a folder, and all together one merged inventory.

    A scene that fails doesn't stop the others. Whatever ends the run, finished scenes stay; called again, it does what
    is left or has changed. Other processes may run the same at once.

    Args:
        scenes: Rasters, and folders that are searched for rasters; or what `landslide_cli.batch.finding.find_scenes`
            gave, which also searches the folders inside of folders.
        folder: Folder for the outputs; it is made if it isn't there, but not those above it.
        view: What of each scene is seen.
        rules: What counts as a landslide, and how its polygon is drawn.
        runtime: What predicts, and how.
        also: What is written of each scene beside its inventory: ``probability``, ``mask``, ``spread``, ``stac``.
        overwrite: Replace outputs that the batch didn't write, or that were changed since.
        on_progress: Called after each window with the pixels done and in all.

    Raises:
        LandslideError: what would go wrong with every scene.
        KeyboardInterrupt: with a message that says how far the batch is.
    """
    batch = plan_batch(scenes, folder, view=view, rules=rules, runtime=runtime, also=also, overwrite=overwrite)
    return carry_out(batch, on_progress=on_progress)


def carry_out(
    batch: Batch,
    *,
    command: str | None = None,
    on_progress: OnProgress | None = None,
    engine: Engine | None = None,
) -> BatchSummary:
    """Do what has to be done, together with other processes that carry out the same batch, and merge all inventories.

    Args:
        batch: What to do.
        command: Command line to note in the layers ``runs``.
        on_progress: Called after each window with the pixels done and in all.
        engine: What predicts; opened before the first scene by default.

    Raises:
        LandslideError: what would go wrong with every scene.
        KeyboardInterrupt: with a message that says how far the batch is.
    """
    ledger = Ledger(batch.folder / LEDGER)
    ledger.folder.mkdir(parents=True, exist_ok=True)
    tasks = {task.name: task for task in batch.tasks}
    progress = _Progress(batch, on_progress)
    opened = cache(batch.open_engine) if engine is None else lambda: engine
    began = ledger.now()
    log.info(plan_line(batch))

    def finished(name: str) -> Record | None:
        record = ledger.read(name)
        if record is None or (record.state == "failed" and ledger.written(name) < began):
            return None
        anew = record.state == "failed" and record.asked == tasks[name].asked
        return record if anew or not tasks[name].left(record) else None

    def do(name: str) -> Record:
        task = tasks[name]
        log.info("%s (%d of %d)", shown(task.scene), progress.number, len(batch.left))
        # A signal that comes when the files have their names must not part them from their record.
        with finishing():
            record = attempt(task, engine=opened, command=command, on_progress=progress)
            ledger.write(name, record)
        log.info(_line(task, record))
        return record

    with _interruptible(batch, ledger, finished):
        records = {name: record for name in tasks if name not in batch.left and (record := finished(name))}
        for name, record in _share([name for name in tasks if name not in records], ledger, finished, do):
            records[name] = record
            progress.finish(tasks[name])
        return _summary(batch, records, _merged(batch, records, ledger))


def _share(
    names: list[str], ledger: Ledger, finished: Callable[[str], Record | None], do: Callable[[str], Record]
) -> Iterator[tuple[str, Record]]:
    """Each name with its record, as soon as this process or another one has it."""
    waiting = ""
    while names:
        before = len(names)
        for name in list(names):
            record = finished(name)
            if record is None:
                with ledger.claim(name) as ours:
                    # Who held it may have finished it just before.
                    record = (finished(name) or do(name)) if ours else None
            if record is not None:
                names.remove(name)
                yield name, record
        if len(names) == before:
            told = f"waiting for {', '.join(sorted({ledger.owner(name) for name in names}))}"
            if told != waiting:
                log.info(told)
            waiting = told
            time.sleep(POLL_S)


def _merged(batch: Batch, records: dict[str, Record], ledger: Ledger) -> Record | None:
    """The merged inventory, made by one process; None if no scene is done."""
    out = batch.folder / f"{MERGED}.gpkg"
    done = [task for task in batch.tasks if records[task.name].state == "done"]
    if not done:
        return None
    parts = [Part(task.name + Path(without_secrets(task.scene)).suffix, task.outputs.inventory) for task in done]
    asked = {"parts": [[part.name, *stamp_of(part.path)] for part in parts]}

    def finished(name: str) -> Record | None:
        record = ledger.read(name)
        return record if record and record.asked == asked and out.exists() else None

    def do(name: str) -> Record:
        tags = {
            "LANDSLIDE_VERSION": __version__, "LANDSLIDE_MODEL": batch.card.model_id,
            "LANDSLIDE_WEIGHTS_SHA256": batch.card.sha256,
            "LANDSLIDE_THRESHOLD": f"{batch.wish.rules.threshold:g}",
        }  # fmt: skip
        with finishing():
            record = Record("done", asked, found=asdict(merge(parts, out, tags)))
            ledger.write(name, record)
        return record

    ((_, record),) = _share([MERGED], ledger, finished, do)
    return record


@contextmanager
def _interruptible(batch: Batch, ledger: Ledger, finished: Callable[[str], Record | None]) -> Iterator[None]:
    """Say on Ctrl-C how far the batch is."""
    try:
        yield
    except KeyboardInterrupt:
        done = sum(finished(task.name) is not None for task in batch.tasks)
        raise KeyboardInterrupt(
            f"Interrupted; {done} of {len(batch.tasks)} scenes are done and stay, the same command goes on."
        ) from None


def _line(task: Task, record: Record) -> str:
    if record.found is None:
        what = "outside of the area of interest" if record.state == "outside" else "failed"
        return f"{shown(task.scene)}: {what}"
    count, area_m2 = record.found["landslides"], record.found["area_m2"]
    hectares = "" if area_m2 is None else f", {area_m2 / 1e4:.2f} ha"
    return f"{record.found['out']}: {count} landslide{'s' * (count != 1)}{hectares}"


def _summary(batch: Batch, records: dict[str, Record], merged: Record | None) -> BatchSummary:
    results = tuple(_result(batch.folder, task, records[task.name]) for task in batch.tasks)
    states = Counter(result.state for result in results)
    counts: dict[str, Any] = {name: states[name] for name in ("done", "outside", "failed")}
    if merged is None or merged.found is None:
        return BatchSummary(None, results, **counts)
    found = dict(merged.found)
    for name in ("area_m2", "analysed_m2", "overlap_m2"):
        found[name] = nan_as_none(found[name])
    found["left_out"] = tuple(found["left_out"])
    return BatchSummary(str(batch.folder / f"{MERGED}.gpkg"), results, **counts, **found)


def _result(folder: Path, task: Task, record: Record) -> SceneResult:
    found, reason = record.found or {}, record.reason
    if record.trace:
        reason += f"; this was not foreseen, please report it with {folder / LEDGER / task.name}.json"
    out = str(task.outputs.inventory) if record.found else None
    return SceneResult(
        without_secrets(task.scene), out, record.state, found.get("landslides"), found.get("area_m2"), reason
    )


class _Progress:
    """Pixels of all scenes together, for a callback that knows one bar."""

    def __init__(self, batch: Batch, on_progress: OnProgress | None) -> None:
        self._total, self._done, self._left = batch.pixels_left, 0, set(batch.left)
        self._on_progress = on_progress
        self.number = 1

    def __call__(self, done: int, total: int) -> None:
        if self._on_progress:
            self._on_progress(min(self._done + done, self._total), self._total)

    def finish(self, task: Task) -> None:
        """Count a scene as done, whoever has done it."""
        if task.name in self._left:
            self._left.remove(task.name)
            self._done += task.pixels
            self.number += 1
            self(0, 0)
