"""One input, one command, in a process of its own with limits; and what fell short of what the docs promise."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES, MOST_S = 2 << 30, 30
# A machine that does other things meanwhile may take longer by the clock than by the processor.
WAIT_S = 20 * MOST_S
ROOM_BYTES = 24 << 30  # of addresses; what is asked for and never touched takes no memory


@dataclass(slots=True)
class Trial:
    """A command in a folder of its own, whose files lie there already.

    Attributes:
        what: The input, in words.
        words: The command line without ``landslide``. Outputs are called ``out…``, inputs never.
        scene: The raster whose grid output rasters must have, if any.
        before: Called in the new process before the command.
        keeps: Whether outputs may be there though the status isn't 0, as those of a batch's other scenes are.
    """

    what: str
    words: list[str]
    scene: str = ""
    before: Callable[[], object] | None = None
    keeps: bool = False


@dataclass(slots=True)
class Outcome:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str
    seconds: float
    peak_bytes: int
    short: list[str] = field(default_factory=list)


def carry_out(trial: Trial, folder: Path, most_bytes: int = MOST_BYTES) -> Outcome:
    """Run a command in a forked process; everything that it needs is imported already."""
    before = _contents(folder)
    started = time.monotonic()
    pid = start(trial, folder)
    status, peak = _wait(pid, started, most_bytes)
    stdout, stderr = said(folder)
    outcome = Outcome(status, stdout, stderr, time.monotonic() - started, peak)
    from tests.faults.verdict import shortcomings

    outcome.short = shortcomings(trial, folder, outcome, before, _contents(folder), most_bytes)
    return outcome


def start(trial: Trial, folder: Path) -> int:
    """Fork a process for a command; its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal that comes before the command begins says nothing of it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        pid = os.fork()
        if pid == 0:
            _child(trial, folder, _texts(folder), before)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def said(folder: Path) -> list[str]:
    """What a command wrote to stdout and stderr."""
    # One that was killed at once hasn't made them.
    told = [text.read_text(errors="replace") if text.exists() else "" for text in _texts(folder)]
    for text in _texts(folder):
        text.unlink(missing_ok=True)
    return told


def _texts(folder: Path) -> list[Path]:
    return [folder.with_name(f"{folder.name}.{name}") for name in ("stdout", "stderr")]


def _child(trial: Trial, folder: Path, texts: list[Path], mask: Iterable[int]) -> None:
    status, begun = 70, False
    try:
        os.setsid()
        for number, text in enumerate(texts, start=1):
            os.dup2(os.open(text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S + 1))
        resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, ROOM_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if trial.before:
            trial.before()
        from landslide_cli.cli import main

        sys.argv = ["landslide", *trial.words]
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        begun = True
        main(trial.words)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not begun:
            status = 130
        else:
            traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def _wait(pid: int, started: float, most_bytes: int) -> tuple[int, int]:
    """Its status, negative for a signal, and the most memory that it had."""
    peak = 0
    pause = 0.002
    while True:
        ended, code, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            peak = max(peak, usage.ru_maxrss * 1024)
            return os.waitstatus_to_exitcode(code), peak
        peak = max(peak, _resident(pid))
        if peak > 1.5 * most_bytes or time.monotonic() - started > WAIT_S:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def _contents(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            try:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                found[name] = f"unreadable {error.errno}"
        elif path.is_dir():
            found[name] = "folder"
    return found
