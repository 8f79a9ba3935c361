"""What the user reads on stderr while a command runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

OnDone = Callable[[int, int], None]


@contextmanager
def talking(*, quiet: bool, unit: str = "windows", megapixels: float | None = None) -> Iterator[OnDone | None]:
    """Show log lines, warnings and a progress bar on stderr; give the bar's callback.

    Args:
        quiet: Show nothing.
        unit: What the bar counts.
        megapixels: Size of the whole work, for a rate in Mpx/s.
    """
    if quiet:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    handler = logging.Handler()
    handler.emit = lambda record: say(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("landslide_cli")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    columns = (
        BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} " + unit),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    # A bar is for people: into a file or a pipe it would only draw garbage.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, rate="", visible=False)

        def on_done(done: int, total: int) -> None:
            elapsed = bar.tasks[0].elapsed
            rate = f"{megapixels * done / total / elapsed:.2f} Mpx/s" if megapixels and elapsed else ""
            bar.update(task, completed=done, total=total, rate=rate, visible=True)

        with warnings.catch_warnings():
            warnings.simplefilter("default")

            def show(message: Warning | str, *_: Any, **__: Any) -> None:
                say(f"Warning: {message}")

            warnings.showwarning = show
            try:
                yield on_done
            finally:
                logger.removeHandler(handler)
