"""The outputs of a run as one set: decided before any work, named together at its end."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from landslide_cli.errors import LandslideError, OutputError, shown
from landslide_cli.files.belonging import TRACES, beside, files_of
from landslide_cli.files.geopackage import foreign_layers, is_held
from landslide_cli.files.interrupts import interrupts_wait
from landslide_cli.files.naming import Stagings, carry_out, keep
from landslide_cli.files.readback import refuse_unsound
from landslide_cli.files.staging import Staging, State, clear_leftovers, state_of, write_journal

LONGEST_ADDED = 8  # bytes that SQLite adds to a name: -journal
FULL_BYTES = 1 << 16  # a disk with no more than that left is full
FULL = re.compile(r"no space left|disk is full|commit transaction|quota", re.IGNORECASE)

OnComplete = Callable[[dict[Path, Path]], None]


class FileSet:
    """Files that are written together. To make one is to decide, before any work, whether they can be written.

    Args:
        files: The outputs, without what belongs to them. Links are followed: what they point to is written.
        overwrite: Replace what is there, with all that belongs to it; but for a GeoPackage that another program has
            open, or that has layers of others.
        inputs: What is read: no file of it may be written. Names as GDAL takes them.
        layers: Tables that a GeoPackage may have even if nothing in it tells that landslide wrote it.
        guarded: Don't replace what others made or changed since.
        on_complete: Called with each file and where it lies, when all are complete and none has its name yet.

    Raises:
        OutputError: one of the files can't be written, two share a name, or one belongs to an input.
    """

    def __init__(
        self,
        files: Iterable[Path],
        *,
        overwrite: bool = False,
        inputs: Iterable[str | os.PathLike[str] | None] = (),
        layers: Collection[str] = (),
        guarded: bool = True,
        on_complete: OnComplete | None = None,
    ) -> None:
        given = list(files)
        self._names = {path: _resolved(path, known_to_gdal=guarded) for path in given}
        for parent in {name.parent for name in self._names.values()}:
            clear_leftovers(parent)
        for path, name in self._names.items():
            _refuse_place(path, name)
        _refuse_shared(self._names, given, [source for source in inputs if source is not None])
        for path, name in self._names.items():
            _refuse_present(path, name, overwrite=overwrite, layers=layers)
        self._guarded = guarded
        self._on_complete = on_complete
        self._before: dict[Path, State] = {name: state_of(name) for name in self._names.values()}

    @contextmanager
    def staged(self) -> Iterator[dict[Path, Path]]:
        """Give each file a place to be written; all get their names when the block ends, or none does.

        What else is written beside a place (``.dbf`` of a shapefile) goes along. On an error the places go away.

        Raises:
            OutputError: the disk is full, a file isn't sound, or something stands in the way of a name now; then the
                files are kept in a folder that the message names, and nothing is replaced.
        """
        stagings: Stagings = {}
        try:
            for name in self._names.values():
                if name.parent not in stagings:
                    lead = next(iter(stagings.values()), None)
                    stagings[name.parent] = Staging.beside(name.parent, lead)
            with _disk_errors(list(stagings)):
                places = {path: stagings[name.parent].new / name.name for path, name in self._names.items()}
                yield places
                for staging in stagings.values():
                    for file in staging.new.iterdir():
                        if file.is_file():
                            refuse_unsound(file)
                if self._on_complete:
                    self._on_complete(places)
            self._name_uninterrupted(stagings)
        finally:
            # The one with the journal last.
            for staging in reversed(stagings.values()):
                staging.remove()

    def _name_uninterrupted(self, stagings: Stagings) -> None:
        complete = False
        try:
            with interrupts_wait():
                self._name(stagings)
                complete = True
        except KeyboardInterrupt as stop:
            if complete:
                told = ", ".join(map(str, self._names))
                raise KeyboardInterrupt(f"Interrupted, but the outputs were complete: {told}.") from stop
            raise

    def _name(self, stagings: Stagings) -> None:
        lead = next(iter(stagings.values()))
        # What GDAL lays beside a file that was only read on the way is no output.
        moves = [
            (file, parent / file.name)
            for parent, one in stagings.items()
            for file in sorted(one.new.iterdir())
            if not file.name.endswith(TRACES)
        ]
        # What names the set comes last: whoever waits for it finds the others there.
        moves.sort(key=lambda move: move[1] == next(iter(self._names.values())))
        try:
            self._refuse_changed()
            ours = {name for _, name in moves}
            stale = sorted({file for name in self._names.values() for file in beside(name)} - ours)
            journal = write_journal(lead, moves, stale)
            try:
                carry_out(moves, stale, stagings)
            finally:
                journal.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{_told(error)}; {keep(stagings)}") from error
        except OutputError as error:
            raise OutputError(f"{error}; {keep(stagings)}") from error

    def _refuse_changed(self) -> None:
        for path, name in self._names.items():
            before, now = self._before[name], state_of(name)
            if self._guarded and before is None and now is not None:
                raise OutputError(f"{path} was made by somebody else while the run went on")
            if self._guarded and before != now:
                raise OutputError(f"{path} was changed by somebody else while the run went on")
            if now is not None and name.suffix.lower() == ".gpkg" and is_held(name):
                raise OutputError(f"{path} is open in another program")


def refuse_unwritable(path: Path, *, overwrite: bool) -> None:
    """Check before any work that ``path`` can be written.

    Raises:
        OutputError: it can't; see `FileSet`.
    """
    FileSet([path], overwrite=overwrite)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Give a place to write ``path``, whatever is there; it gets its name when the block ends.

    Raises:
        OutputError: it can't; see `FileSet.staged`.
    """
    with FileSet([path], overwrite=True, guarded=False).staged() as places:
        yield places[path]


def _resolved(path: Path, *, known_to_gdal: bool) -> Path:
    try:
        if known_to_gdal:
            os.fspath(path).encode()
        return path.resolve()
    except UnicodeError as error:
        raise OutputError(
            f"{shown(os.fspath(path))}: the name is not UTF-8, so GDAL can't write it; choose another name"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(f"{path}: the name can't be used: {error}; choose another name") from error


def _refuse_place(path: Path, name: Path) -> None:
    """Refuse what isn't a place for a file, whether something is there or not."""
    parent = name.parent
    if not os.fspath(path) or not path.name:
        raise OutputError(f"{str(path)!r} is no name of a file; name one")
    if not parent.is_dir():
        raise OutputError(f"{path}: the folder {parent} does not exist; make it first (mkdir -p {parent})")
    if name.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    longest = os.pathconf(parent, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    if len(os.fsencode(name.name)) + LONGEST_ADDED > longest:
        raise OutputError(f"{path}: the name is longer than the {longest - LONGEST_ADDED} bytes that fit; shorten it")
    if name.exists() and not name.is_file():
        raise OutputError(f"{path} is no ordinary file; name one")
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {parent}")


def _refuse_present(path: Path, name: Path, *, overwrite: bool, layers: Collection[str]) -> None:
    """Refuse to replace what is there, if it isn't allowed, or is nobody's to allow."""
    there = name.exists()
    if there and not overwrite:
        raise OutputError(f"{path} exists; choose another name or allow it with --overwrite")
    others = beside(name)
    if others and not there and not overwrite:
        raise OutputError(
            f"{others[0]} exists and would be taken as a part of {path.name}; choose another name or allow its "
            "removal with --overwrite"
        )
    if not there:
        return
    if name.suffix.lower() == ".gpkg":
        if is_held(name):
            raise OutputError(
                f"{path} is open in another program, such as QGIS; close it there, or choose another name"
            )
        foreign = [layer for layer in foreign_layers(name) if layer not in layers]
        if foreign:
            raise OutputError(
                f"{path} holds what landslide didn't write: {', '.join(foreign)}; it isn't replaced, also not with "
                "--overwrite: choose another name, or remove the file yourself"
            )
    try:
        with name.open("r+b"):
            pass
    except OSError as error:
        raise OutputError(
            f"{path} can't be replaced: {error.strerror}; close it in other programs, allow writing, or choose "
            "another name"
        ) from error


def _refuse_shared(names: Mapping[Path, Path], given: Sequence[Path], inputs: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse a file that two outputs write, or that an output would replace or remove and an input consists of."""
    folded = [_folded(names[path]) for path in given]
    same = [os.fspath(path) for path, name in zip(given, folded, strict=True) if folded.count(name) > 1]
    for source in inputs:
        read = files_of(source)
        taken = {_folded(file) for file in read} | ({_inode(file) for file in read} - {None})
        for path, name in names.items():
            touched = {_folded(name), _inode(name), *map(_folded, beside(name))}
            same += [os.fspath(source), os.fspath(path)] if taken & touched else []
    if same:
        raise OutputError(f"two of {', '.join(same)} are the same file; name each differently")


def _folded(path: Path) -> str:
    """Names that differ in case are one on many a file system."""
    return os.fspath(path).casefold()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino


def _told(error: OSError) -> str:
    name = error.filename2 or error.filename
    return f"{name or 'an output'} can't be given its name: {error.strerror}"


@contextmanager
def _disk_errors(folders: Sequence[Path]) -> Iterator[None]:
    """Say in one line that something can't be written; libraries say it in many ways."""
    try:
        yield
    except Exception as error:
        told = " ".join(str(error).split())
        if any(_free(folder) <= FULL_BYTES for folder in folders) or FULL.search(told):
            if isinstance(error, LandslideError) and not isinstance(error, OutputError):
                raise
            raise OutputError(
                f"the disk of {folders[0]} is full; nothing was written. Make room, or write elsewhere"
            ) from error
        if isinstance(error, LandslideError) or not _is_of_writing(error):
            raise
        raise OutputError(
            f"{folders[0]}: writing failed: {told}; nothing was written. Look whether the disk is full or fails"
        ) from error


def _is_of_writing(error: Exception) -> bool:
    """Whether a library could not write; what can't be read is told where it is read, before it comes here."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
    return type(error).__module__.partition(".")[0] in ("pyogrio", "rasterio", "sqlite3", "pyarrow")


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return FULL_BYTES + 1
