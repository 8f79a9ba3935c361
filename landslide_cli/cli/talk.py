"""What the user reads on stderr while a command runs, and the command line as it was given."""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol, TextIO

from landslide_cli.errors import LandslideWarning, without_secrets

PROGRESS = "LANDSLIDE_PROGRESS"
STEPS = 1000


class OnProgress(Protocol):
    """Moves the bar: what is done and what there is in all; pixels, if no note says what else."""

    def __call__(self, done: int, total: int, note: str = "", /) -> None: ...


@contextmanager
def talking(*, quiet: bool, notes: bool = True) -> Iterator[OnProgress | None]:
    """Show log lines (``notes``), warnings and a progress bar on stderr; give the bar's callback (done, in all).

    With LANDSLIDE_PROGRESS=json in the environment, lines of JSON take the place of the bar, for programs that
    run this one.
    """
    if quiet:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    for_machines = os.environ.get(PROGRESS) == "json"

    def say(text: str) -> None:
        console.print(without_secrets(text), markup=False, highlight=False, soft_wrap=True)

    handler = logging.Handler()
    handler.emit = lambda record: say(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("landslide_cli")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO if notes else logging.WARNING)
    columns = (BarColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn())
    # A bar is for people: into a file or a pipe it would only draw garbage.
    with Progress(*columns, console=console, transient=True, disable=for_machines or not console.is_terminal) as bar:
        task = bar.add_task("", total=None, done="", visible=False)

        def on_progress(done: int, total: int, note: str = "", /) -> None:
            if not note:
                rate = done / 1e6 / (bar.tasks[0].elapsed or math.inf)
                note = f"{done / 1e6:.1f} of {total / 1e6:.1f} Mpx, {rate:.2f} Mpx/s"
            bar.update(task, completed=done, total=total, done=note, visible=True)

        with warnings.catch_warnings():
            warnings.simplefilter("always", LandslideWarning)
            usual = warnings.showwarning

            def show(
                message: Warning | str,
                category: type[Warning],
                filename: str,
                lineno: int,
                file: TextIO | None = None,
                line: str | None = None,
            ) -> None:
                if issubclass(category, LandslideWarning):
                    say(f"Warning: {message}")
                else:
                    usual(message, category, filename, lineno, file, line)

            warnings.showwarning = show
            try:
                yield JsonProgress(console.file) if for_machines else on_progress
            finally:
                logger.removeHandler(handler)
                logger.setLevel(level)


class JsonProgress:
    """Writes progress as lines of JSON, a thousand at most for one task: ``{"done": 3, "total": 8, "note": ""}``."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._last: tuple[int, int] | None = None

    def __call__(self, done: int, total: int, note: str = "", /) -> None:
        step = (total, done * STEPS // total if total else STEPS)
        if step != self._last:
            self._last = step
            print(json.dumps({"done": done, "total": total, "note": note}), file=self._stream, flush=True)


def command_line() -> str:
    """What a user would paste to run it again, but for signatures and passwords of addresses."""
    return shlex.join(["landslide", *map(without_secrets, sys.argv[1:])])
