"""Folders in which outputs are written before they get their names, and what killed runs left of them.

A folder lies beside its outputs, so that a file keeps its file system when it gets its name. It is locked for as long
as its process lives. Before the first name is given, a journal tells what is to be named; whoever finds the folder of
a process that was killed finishes by it, or clears the folder away if there is none.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from landslide_cli.errors import shown
from landslide_cli.parsing import STRICT, ParseError, parse_json

try:
    import fcntl
except ImportError:  # Windows, where an open file can't be removed
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

PREFIX, SUFFIX = ".landslide-", ".part"
LOCK, LEAD, JOURNAL, NEW, OLD = "lock", "lead", "journal.json", "new", "old"
HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK)  # said of a lock that somebody has
BEGINS_S = 60.0  # a folder without a lock is one that somebody makes just now, for so long

# Number, size and time of change of a file; None if there is none.
State = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Journal:
    """A journal: what is to be done, in its order.

    Attributes:
        moves: Of each file that gets its name: where it lies, the name, and what has that name now; as `_noted`.
        stale: Each file that goes, and what it is now.
    """

    __pydantic_config__ = STRICT

    moves: list[tuple[str, str, State]]
    stale: list[tuple[str, State]]


@dataclass(slots=True)
class Staging:
    """The folder of this process beside some of its outputs.

    Attributes:
        folder: The folder.
        lock: Open and locked while the process uses it.
    """

    folder: Path
    lock: IO[bytes] = field(repr=False)

    @classmethod
    def beside(cls, parent: Path, lead: Staging | None = None) -> Staging:
        """Make a folder in ``parent``; ``lead`` is the one that has the journal, if it isn't this one."""
        while True:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=parent))
            lock = (folder / LOCK).open("wb")
            if locked(lock, without=True) and (folder / LOCK).exists():
                break
            lock.close()
        (folder / NEW).mkdir()
        (folder / OLD).mkdir()
        if lead is not None:
            (folder / LEAD).write_text(str(lead.folder), encoding="utf-8")
        return cls(folder, lock)

    @property
    def new(self) -> Path:
        """Where files are written, under their final names."""
        return self.folder / NEW

    @property
    def old(self) -> Path:
        """Where the files lie that they replace, until all have their names."""
        return self.folder / OLD

    def remove(self) -> None:
        """Clear all of it away."""
        _remove(self.folder)
        self.lock.close()


def state_of(path: Path) -> State:
    """Of a file, a link not followed."""
    try:
        told = path.lstat()
    except OSError:
        return None
    # File servers keep no more than milliseconds alike for all who ask.
    return told.st_ino, told.st_size, told.st_mtime_ns // 1_000_000


def write_journal(lead: Staging, moves: Sequence[tuple[Path, Path]], stale: Sequence[Path]) -> Path:
    """Note what is to be done, so that it is done even if this process is killed.

    Args:
        lead: Folder for the journal.
        moves: Files and their final names.
        stale: Files to remove.
    """
    journal = lead.folder / JOURNAL
    told = _Journal(
        moves=[(_noted(new), _noted(name), state_of(name)) for new, name in moves],
        stale=[(_noted(path), state_of(path)) for path in stale],
    )
    with journal.with_suffix(".tmp").open("w", encoding="utf-8") as file:
        json.dump(asdict(told), file)
        file.flush()
        os.fsync(file.fileno())
    journal.with_suffix(".tmp").replace(journal)
    return journal


def clear_leftovers(parent: Path) -> None:
    """Finish or clear away what killed runs left in a folder; what runs there now stays."""
    for folder in parent.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):
            if not folder.is_dir() or folder.is_symlink():
                continue
            if not (folder / LOCK).exists():
                if time.time() - folder.stat().st_mtime > BEGINS_S:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            with (folder / LOCK).open("r+b") as lock:
                if locked(lock):
                    _finish(folder)
                    _remove(folder)


def _remove(folder: Path) -> None:
    """The lock last: a folder without one is taken for one that begins."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    # That has several files open at once; a run that ended for want of them clears away one by one.
    for place, folders, files in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            for name in files:
                Path(place, name).unlink()
            for name in folders:
                Path(place, name).rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _finish(folder: Path) -> None:
    """Give the names that a killed run had begun to give; files that others have changed since stay as they are."""
    lead = folder
    if (folder / LEAD).is_file():
        lead = Path((folder / LEAD).read_text(encoding="utf-8"))
    try:
        told = parse_json(_Journal, (lead / JOURNAL).read_bytes())
    except (OSError, ParseError):
        return
    for name, state in told.stale:
        if _same(_path(name), state):
            _path(name).unlink(missing_ok=True)
    named = []
    for new, name, state in told.moves:
        if _path(new).exists() and _same(_path(name), state):
            _path(new).replace(_path(name))
            named.append(shown(str(_path(name))))
    (lead / JOURNAL).unlink(missing_ok=True)
    if named:
        log.info("a run that was killed had finished %s; it has its name now", ", ".join(named))


def _noted(path: Path) -> str:
    """As a journal holds it: a character for each byte, since a name may be no UTF-8, which JSON must be."""
    return os.fsencode(path).decode("latin-1")


def _path(noted: str) -> Path:
    return Path(os.fsdecode(noted.encode("latin-1")))


def _same(path: Path, state: State) -> bool:
    return state_of(path) == state


def locked(file: IO[bytes], *, without: bool = False) -> bool:
    """Lock a file, if nobody else has: only the end of the process that has it frees it.

    Args:
        file: An open file.
        without: The answer on a file system that has no locks, such as Lustre mounted without them.
    """
    if fcntl is None:
        return os.access(file.name, os.W_OK) and _only_ours(Path(file.name))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return without and error.errno not in HELD
    return True


def _only_ours(path: Path) -> bool:
    # There, renaming fails while another process has the file open.
    try:
        path.rename(path)
    except OSError:
        return False
    return True
