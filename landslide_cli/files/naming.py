"""Giving files their names: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from landslide_cli.errors import OutputError
from landslide_cli.files.staging import Staging

Stagings = dict[Path, Staging]


def carry_out(moves: Sequence[tuple[Path, Path]], stale: Sequence[Path], stagings: Stagings) -> None:
    """Take away what is stale and give the names; whatever goes wrong, put everything back.

    Args:
        moves: Files and their names.
        stale: Files to take away.
        stagings: Where the old ones lie meanwhile, by their folders.

    Raises:
        OutputError: somebody has just taken a name that was free.
        OSError: a name can't be given.
    """
    undo: list[Callable[[], None]] = []
    try:
        # Before the new names: SQLite would apply an old log to a new file.
        for path in stale:
            old = stagings[path.parent].old / path.name
            undo.append(partial(_restore, path, old))
            path.replace(old)
        for new, name in moves:
            old = stagings[name.parent].old / name.name
            undo.append(partial(_put_back, new, name, old))
            if name.exists():
                _keep_a_link(name, old)
                new.replace(name)
            else:
                _name_what_is_new(new, name)
        for parent in stagings:
            _sync(parent)
    except BaseException:
        for step in reversed(undo):
            with suppress(OSError):
                step()
        raise


def _restore(path: Path, old: Path) -> None:
    if old.exists():
        old.replace(path)


def _put_back(new: Path, name: Path, old: Path) -> None:
    """The new file to where it was written, and the old one to its name, as far as either has left it."""
    if not new.exists():
        name.replace(new)
    elif name.exists() and name.samefile(new):
        name.unlink()
    _restore(name, old)


def _keep_a_link(name: Path, old: Path) -> None:
    """Keep a file under a second name, so that its first one is never without a file."""
    try:
        old.hardlink_to(name)
    except OSError:
        # A file system without links; what can't be moved away can't be replaced either.
        name.replace(old)


def _name_what_is_new(new: Path, name: Path) -> None:
    """Give a name that nobody has; one that somebody takes just now stays theirs."""
    if new.is_dir():
        new.rename(name)
        return
    try:
        name.hardlink_to(new)
        new.unlink()
    except FileExistsError as error:
        raise OutputError(f"{name} was made by somebody else while the run went on") from error
    except OSError:
        new.replace(name)


def _sync(folder: Path) -> None:
    """Bring names to the disk; some systems can't say so of a folder."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def keep(stagings: Stagings) -> str:
    """Give what was written a folder that the user sees; the words that tell of it."""
    kept = []
    for parent, staging in stagings.items():
        if not any(staging.new.iterdir()):
            continue
        number = 1
        while (place := parent / f"landslide-kept-{number}").exists():
            number += 1
        with suppress(OSError):
            staging.new.rename(place)
            kept.append(str(place))
    return f"nothing was replaced; what was written lies in {', '.join(kept)}" if kept else "nothing was replaced"
