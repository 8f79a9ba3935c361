"""Running the ``landslide`` command of another Python environment. Knows nothing of QGIS."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

# These point Python, GDAL and PROJ to QGIS's own parts, which don't go with those of another environment.
FOREIGN = {
    "PYTHONHOME", "PYTHONPATH", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__",
    "GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_LIB", "PROJ_DATA",
}  # fmt: skip
# Exit status of a command that has failed; one that prints its results all the same has failed in part.
PARTLY = 1
POLL_S = 0.1
GRACE_S = 10.0
MISSING = (
    "Install landslide-cli in a Python environment of its own, and give the path of its command, such as "
    "/home/me/landslide-env/bin/landslide (Windows: C:\\landslide-env\\Scripts\\landslide.exe), in "
    "Settings > Options > Processing > Providers > Landslide."
)


class CommandError(Exception):
    """The command is missing, or has failed; the message is for the user."""


class Cancelled(Exception):  # noqa: N818  it is no error
    """The user has cancelled, and nothing is left of the run."""


class Listener(Protocol):
    """Hears what the command says, and is asked whether to go on."""

    def progress(self, share: float, note: str) -> None: ...
    def line(self, text: str) -> None: ...
    def failed(self, reason: str) -> None: ...
    def cancelled(self) -> bool: ...


def find_command(setting: str | None) -> str:
    """The path in the setting, or ``landslide`` on the PATH where the setting is empty.

    Raises:
        CommandError: it isn't there.
    """
    if not setting:
        found = shutil.which("landslide")
        if found is None:
            raise CommandError(f"The landslide command isn't on the PATH. {MISSING}")
        return found
    if not os.access(setting, os.X_OK) or Path(setting).is_dir():
        raise CommandError(f"The landslide command isn't at {setting}. {MISSING}")
    return setting


def environment() -> dict[str, str]:
    """The environment of the command: without what is QGIS's own, and with progress as JSON."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return {**kept, "LANDSLIDE_PROGRESS": "json", "PYTHONUTF8": "1"}


def window() -> dict[str, Any]:
    """How a process starts: without a window, and in a group of its own, so that processes below it end with it."""
    return {"creationflags": subprocess.CREATE_NO_WINDOW} if os.name == "nt" else {"start_new_session": True}


def run(words: Sequence[str], outputs: Iterable[Path], listener: Listener) -> str:
    """Run the command to its end.

    Args:
        words: The command line.
        outputs: Files that it will write.
        listener: Hears log lines and progress, and what has failed where the rest has not.

    Returns:
        What the command wrote to stdout.

    Raises:
        CommandError: it can't be started or has failed.
        Cancelled: the listener says so.
    """
    outputs = list(outputs)
    before = _unfinished(outputs)
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
            text=True, encoding="utf-8", errors="replace", **window(),
        )  # fmt: skip
    except OSError as error:
        raise CommandError(f"{words[0]} can't be started: {error}. {MISSING}") from error
    try:
        return _listen(process, listener)
    finally:
        if process.poll() is None:
            _stop(process)
        process.stdout.close()
        process.stderr.close()
        # What had to be killed could not clear its own unfinished files away.
        for folder in _unfinished(outputs) - before:
            shutil.rmtree(folder, ignore_errors=True)


def _listen(process: subprocess.Popen[str], listener: Listener) -> str:
    said: list[str] = []
    result: list[str] = []
    lines: queue.Queue[str | None] = queue.Queue()
    threads = [
        threading.Thread(target=_pass_on, args=(process.stderr, lines), daemon=True),
        threading.Thread(target=lambda: result.append(process.stdout.read()), daemon=True),
    ]
    for thread in threads:
        thread.start()
    while True:
        if listener.cancelled():
            raise Cancelled
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if line is None:
            break
        told = _progress(line)
        if told is not None:
            listener.progress(*told)
        elif line:
            said.append(line)
            listener.line(line)
    for thread in threads:
        thread.join()
    printed = "".join(result)
    if process.wait() != 0:
        reason = _reason(said, process.returncode)
        if process.returncode != PARTLY or not printed:
            raise CommandError(reason)
        listener.failed(reason)
    return printed


def _pass_on(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line.rstrip())
    lines.put(None)


def _progress(line: str) -> tuple[float, str] | None:
    """Share done and note, if the line is one of progress (LANDSLIDE_PROGRESS=json)."""
    if not line.startswith("{"):
        return None
    try:
        told: dict[str, Any] = json.loads(line)
        return (told["done"] / told["total"] if told["total"] else 1.0), told["note"]
    except (ValueError, KeyError, TypeError):
        return None


def _reason(said: list[str], code: int) -> str:
    """The command's own error line, or its last one."""
    if code < 0:
        guess = "; this often means that memory ran out" if code == -9 else ""
        return f"landslide was ended from outside by signal {-code}{guess}"
    errors = [line for line in said if line.startswith("Error: ")]
    return (errors or said or [f"landslide ended with status {code}"])[-1].removeprefix("Error: ")


def _stop(process: subprocess.Popen[str]) -> None:
    """End the command politely, so that it clears its unfinished files away; by force if it doesn't listen."""
    _end(process, force=False)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        _end(process, force=True)
        process.wait()


def _end(process: subprocess.Popen[str], *, force: bool) -> None:
    if os.name == "nt":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)


def _unfinished(outputs: Iterable[Path]) -> set[Path]:
    """Folders beside the outputs in which the command keeps them until they are complete."""
    return {folder for path in outputs for folder in path.parent.glob(".landslide-*.part")}
