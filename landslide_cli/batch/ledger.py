"""Who does which scene, and what has become of it: one small file for each, in a folder that processes share.

A record gets its name when it is complete. A claim is made by creating a file that must not exist, which file systems,
also those of other machines, let only one process do. It carries host, process and its start, and is touched while
its scene is being done. One whose process has ended, or that nobody has touched for minutes, is stale: the next one
to come creates the claim of the next number.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import platform
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from landslide_cli.files import staged

HEARTBEAT_S = 30.0
STALE_S = 300.0

State = Literal["done", "failed", "outside"]


@dataclass(frozen=True, slots=True)
class Record:
    """The outcome of a scene.

    Attributes:
        state: ``done``, ``failed``, or ``outside`` where the area of interest doesn't meet it.
        asked: What was asked for, of which model and files: equal values give equal results.
        outputs: Stamp of each file that was written.
        found: The run's summary, if it is done.
        reason: Why it failed.
        trace: Where it failed, if that wasn't foreseen.
    """

    state: State
    asked: dict[str, Any]
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    found: dict[str, Any] | None = None
    reason: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records and claims in a folder."""

    folder: Path

    def read(self, name: str) -> Record | None:
        """The record of a scene; None if there is none, or none that this version understands."""
        try:
            return Record(**json.loads(self._record(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, name: str, record: Record) -> None:
        """Put a record in the place of the one before."""
        with staged(self._record(name)) as place:
            place.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")

    def written(self, name: str) -> float:
        """When a record was written, by the clock of the file system; 0 if it isn't there."""
        try:
            return self._record(name).stat().st_mtime
        except OSError:
            return 0.0

    def now(self) -> float:
        """The time by the clock of the file system, which may be another machine's."""
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".clock.") as file:
            return Path(file.name).stat().st_mtime

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Whether the scene is ours to do, until the block ends; look at its record only then."""
        number = self._take(name)
        if number is None:
            yield False
            return
        mine, ended = self._claim(name, number), threading.Event()
        heart = threading.Thread(target=_beat, args=(mine, ended), daemon=True)
        heart.start()
        try:
            yield True
        finally:
            ended.set()
            heart.join()
            # Ours last, so that nobody sees a stale claim without it.
            for taken in range(1, number + 1):
                self._claim(name, taken).unlink(missing_ok=True)

    def claimed(self, name: str) -> bool:
        """Whether somebody does a scene, or began and was killed."""
        return bool(self._numbers(name))

    def owner(self, name: str) -> str:
        """Who does a scene, in words."""
        told = _told(self._claim(name, max(self._numbers(name), default=0)))
        return f"process {told['pid']} on {told['host'].split()[0]}" if told else "another process"

    def _take(self, name: str) -> int | None:
        """Create the claim of the next number, if the one before is stale."""
        last = max(self._numbers(name), default=0)
        before = self._claim(name, last)
        if last and not self._stale(before):
            return None
        try:
            with self._claim(name, last + 1).open("x", encoding="utf-8") as file:
                json.dump({"host": _host(), "pid": os.getpid(), "start": _start_of(os.getpid())}, file)
        except FileExistsError:
            return None
        if last and not before.exists():
            # Somebody else took it over, and has released it since.
            self._claim(name, last + 1).unlink(missing_ok=True)
            return None
        return last + 1

    def _stale(self, claim: Path) -> bool:
        try:
            silent = self.now() - claim.stat().st_mtime
        except FileNotFoundError:
            return False
        if silent > STALE_S:
            return True
        told = _told(claim)
        return told is not None and told["host"] == _host() and not _runs(told["pid"], told["start"])

    def _numbers(self, name: str) -> list[int]:
        endings = (path.suffix for path in self.folder.glob(f"{glob.escape(name)}.claim.*"))
        return [int(ending[1:]) for ending in endings if ending[1:].isdigit()]

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _claim(self, name: str, number: int) -> Path:
        return self.folder / f"{name}.claim.{number}"


def _beat(claim: Path, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_S):
        with contextlib.suppress(OSError):
            os.utime(claim)


def _told(claim: Path) -> dict[str, Any] | None:
    """The content of a claim; None while it is being written."""
    try:
        told: dict[str, Any] = json.loads(claim.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _host() -> str:
    """This machine, or the container on it whose processes have numbers of their own."""
    try:
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _runs(pid: int, start: str) -> bool:
    """Whether a process of this machine is still the one that began at ``start``."""
    now = _start_of(pid)
    return now is not None and (start in ("", now) or now == "")


def _start_of(pid: int) -> str | None:
    """When a process of this machine began, in the system's own unit; empty if that can't be told, None if it ended."""
    if os.name == "nt":
        # There, asking by a signal would end it; claims of the same host go stale by the clock.
        return ""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""
