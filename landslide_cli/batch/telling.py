"""What a folder of outputs tells whoever looks after it: a log, the failures, and how far the scenes are."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from filelock import FileLock

from landslide_cli.batch.ledger import Ledger, Record
from landslide_cli.batch.ownership import is_owned
from landslide_cli.batch.summary import SceneResult, result_of
from landslide_cli.batch.tasks import Task
from landslide_cli.errors import OutputError, shown
from landslide_cli.files import staged
from landslide_cli.parsing import parse_json

LOG, FAILED = "landslide.log", "failed.csv"
# In the ledger's folder; not names of records, whatever a scene is called.
SCENES, LOCK = "scenes.list", "telling.lock"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far the scenes of the last run are.

    Attributes:
        out: The folder.
        running: Whether a run is going on.
        done: Scenes that are done.
        outside: Scenes that the area of interest doesn't meet.
        failed: Scenes that failed.
        left: Scenes that are left to do.
        scenes: What became of each.
    """

    out: str
    running: bool
    done: int
    outside: int
    failed: int
    left: int
    scenes: tuple[SceneResult, ...]


def note_result(ledger: Ledger, result: SceneResult) -> None:
    """Add a line to the log: time, state, scene, what there is to say of it."""
    scene = " ".join(result.scene.splitlines())
    line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {result.state:<7}  {scene}: {result.text}\n"
    # Those who append to a file on a file server at once would overwrite each other.
    with FileLock(ledger.folder / LOCK), _writing(ledger.folder.parent / LOG, "a") as file:
        file.write(line)


def write_failures(ledger: Ledger) -> None:
    """Write a table of all scenes that failed, and why; without any there is no file."""
    with FileLock(ledger.folder / LOCK):
        out = ledger.folder.parent / FAILED
        failed = [
            (scene, result_of(ledger, name, scene, record).reason)
            for name, scene, _ in _scenes(ledger)
            if (record := ledger.read(name)) is not None and record.state == "failed"
        ]
        if not failed:
            out.unlink(missing_ok=True)
            return
        with staged(out) as place, _writing(place, "w") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("scene", "reason"))
            table.writerows(failed)


def note_scenes(ledger: Ledger, tasks: Iterable[Task]) -> None:
    """Note which scenes there are, and what is asked of each, for `read_status`."""
    rows = [[task.name, shown(task.scene), _digest(task.asked)] for task in tasks]
    with staged(ledger.folder / SCENES) as place:
        place.write_text(json.dumps(rows), encoding="utf-8")


def read_status(folder: str | Path) -> BatchStatus:
    """How far the scenes of the last run in a folder are, also while it is going on; nothing is written.

    Outputs are looked at, scenes aren't: whether they have changed since is told by ``--dry-run``.

    Raises:
        OutputError: there was none.
    """
    ledger = Ledger.of(Path(folder))
    try:
        results = tuple(_standing(ledger, *row) for row in _scenes(ledger))
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder} holds no batch; begin one with landslide batch SCENES -o {folder}") from error
    states = Counter(result.state for result in results)
    counts = {name: states[name] for name in ("done", "outside", "failed", "left")}
    return BatchStatus(str(folder), is_owned(ledger.folder), **counts, scenes=results)


def _writing(path: Path, mode: Literal["a", "w"]) -> IO[str]:
    # Reasons may hold names that aren't UTF-8.
    return path.open(mode, encoding="utf-8", errors="backslashreplace", newline="\n")


def _scenes(ledger: Ledger) -> list[tuple[str, str, str]]:
    """Name, place and a digest of what is asked of each scene."""
    return parse_json(list[tuple[str, str, str]], (ledger.folder / SCENES).read_bytes())


def _standing(ledger: Ledger, name: str, scene: str, asked: str) -> SceneResult:
    record = ledger.read(name)
    why = "" if record is None else _left(ledger, record, asked)
    if record is None or why:
        return SceneResult(scene, None, "left", None, None, why)
    return result_of(ledger, name, scene, record)


def _left(ledger: Ledger, record: Record, asked: str) -> str:
    if record.state == "begun":
        return "interrupted"
    if record.state != "failed" and _digest(record.asked) != asked:
        return "changed"
    return record.flaw(ledger.folder.parent / name for name in record.outputs) if record.state == "done" else ""


def _digest(asked: object) -> str:
    return hashlib.blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=16).hexdigest()
