"""The run over many scenes: one after the other, and one inventory of all."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import cache
from pathlib import Path

from landslide_cli._version import __version__
from landslide_cli.batch.finding import Found
from landslide_cli.batch.items import Listed
from landslide_cli.batch.ledger import Record, stamp_of
from landslide_cli.batch.naming import MERGED
from landslide_cli.batch.ownership import owning
from landslide_cli.batch.planning import Batch, plan_batch, plan_line
from landslide_cli.batch.summary import BatchSummary, result_of, summary_of
from landslide_cli.batch.tasks import Also, Doing, Task, attempt
from landslide_cli.batch.telling import note_result, note_scenes, write_failures
from landslide_cli.engine import Engine
from landslide_cli.errors import counted, shown, without_secrets
from landslide_cli.files import staged
from landslide_cli.files.interrupts import finishing
from landslide_cli.files.staging import clear_leftovers
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.confidence import TAG, Confidence
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.merging.merge import merge_parts
from landslide_cli.merging.parts import Part
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

log = logging.getLogger(__name__)


@foreign_errors()
def run_batch(
    scenes: Iterable[str | Path | Listed] | Sequence[Found],
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
    is left, has failed or has changed. One run at a time writes into a folder.

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
    retries: int = 0,
) -> BatchSummary:
    """Do what has to be done, and merge all inventories, if the batch is no mere share of the scenes.

    Args:
        batch: What to do.
        command: Command line to note in the layers ``runs``.
        on_progress: Called after each window with the pixels done and in all.
        engine: What predicts; opened before the first scene by default.
        retries: How often scenes that fail are tried again, after all others.

    Raises:
        LandslideError: what would go wrong with every scene, or another run is at work in the folder.
        KeyboardInterrupt: with a message that says how far the batch is.
    """
    ledger = batch.ledger
    progress = _Progress(batch, on_progress)
    with owning(ledger.folder, batch.shard):
        for folder in (batch.folder, ledger.folder):
            clear_leftovers(folder)
        note_scenes(ledger, batch.scenes)
        log.info(plan_line(batch))
        with _interruptible(batch):
            try:
                with _doing(batch, engine, command, progress) as doing:
                    _do_scenes(batch, doing, progress, retries)
            finally:
                write_failures(ledger)
            gone = Record("failed", {}, reason="its record is gone; start the same command again")
            records = {task.name: ledger.read(task.name) or gone for task in batch.tasks}
            return summary_of(batch, records, _merged(batch, records) if batch.shard.is_all else None)


@contextmanager
def _doing(batch: Batch, engine: Engine | None, command: str | None, progress: OnProgress) -> Iterator[Doing]:
    """Where scenes are done: in this process, or by workers."""
    if engine is None and batch.left and batch.wish.runtime.elsewhere:
        from landslide_cli.batch.elsewhere import doing_elsewhere

        with doing_elsewhere(batch, command, progress) as elsewhere:
            yield elsewhere
        return
    opened = cache(batch.open_engine) if engine is None else lambda: engine
    yield lambda tasks: nullcontext(
        lambda task: attempt(task, batch.ledger, engine=opened, command=command, on_progress=progress)
    )


def _do_scenes(batch: Batch, doing: Doing, progress: _Progress, retries: int) -> None:
    """Do the scenes that are left, one by one, and those that fail again after the others."""
    left, ledger = [task for task in batch.tasks if task.name in batch.left], batch.ledger
    for round_ in range(retries + 1):
        if round_ and left:
            log.info("%s failed: trying again (%d of %d)", counted(len(left), "scene"), round_, retries)
        failed = []
        with doing(left) as do:
            for number, task in enumerate(left, 1):
                log.info("%s (%d of %d)", shown(task.scene), number, len(left))
                record = ledger.read(task.name)
                # Another run may have done it since this one was planned.
                if record is None or task.left(record):
                    record = do(task)
                    result = result_of(ledger, task.name, task.scene, record)
                    note_result(ledger, result)
                    log.info(result.line)
                if record.state == "failed" and round_ < retries:
                    failed.append(task)
                else:
                    progress.finish(task)
        left = failed


def _merged(batch: Batch, records: dict[str, Record]) -> Record | None:
    """The merged inventory; None if no scene is done."""
    out, ledger = batch.folder / f"{MERGED}.gpkg", batch.ledger
    done = [task for task in batch.tasks if records[task.name].state == "done"]
    if not done:
        return None
    parts = [Part(task.outputs.inventory, task.name + Path(without_secrets(task.scene)).suffix) for task in done]
    asked = {"parts": [[part.name, *stamp_of(part.path)] for part in parts]}
    before = ledger.read(MERGED)
    if before is not None and before.state == "done" and before.asked == asked and not before.flaw([out]):
        return before
    tags = {
        "LANDSLIDE_VERSION": __version__, "LANDSLIDE_MODEL": batch.card.model_id,
        "LANDSLIDE_WEIGHTS_SHA256": batch.card.sha256,
        "LANDSLIDE_THRESHOLD": f"{batch.wish.rules.threshold:g}",
        "LANDSLIDE_MIN_AREA_M2": f"{batch.wish.rules.smallest_m2:g}",
    }  # fmt: skip
    if batch.card.confidence:
        tags[TAG] = Confidence.of(batch.card.confidence).as_text()
    with finishing():
        # If it is killed when the file has its name, the next run knows it for its own by this.
        ledger.write(MERGED, Record("begun", asked))
        with staged(out) as place:
            merged = merge_parts(parts, place, tags=tags)
        record = Record("done", asked, outputs={out.name: stamp_of(out)}, found=asdict(merged))
        ledger.write(MERGED, record)
    return record


@contextmanager
def _interruptible(batch: Batch) -> Iterator[None]:
    """Say on Ctrl-C how far the batch is."""
    try:
        yield
    except KeyboardInterrupt:
        records = [(task, batch.ledger.read(task.name)) for task in batch.tasks]
        done = sum(
            record is not None and record.state in ("done", "outside") and record.asked == task.asked
            for task, record in records
        )
        raise KeyboardInterrupt(
            f"Interrupted; {done} of {counted(len(records), 'scene')} done. The same command goes on from there."
        ) from None


class _Progress:
    """Pixels of all scenes together, for a callback that knows one bar."""

    def __init__(self, batch: Batch, on_progress: OnProgress | None) -> None:
        self._total, self._done = batch.pixels_left, 0
        self._on_progress = on_progress

    def __call__(self, done: int, total: int) -> None:
        if self._on_progress:
            self._on_progress(min(self._done + done, self._total), self._total)

    def finish(self, task: Task) -> None:
        """Count a scene, whatever has become of it."""
        self._done += task.pixels
        self(0, 0)
