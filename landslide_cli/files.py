"""Output files get their name only when they are complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landslide_cli.errors import OutputError


def refuse_unwritable(path: Path, *, overwrite: bool) -> None:
    """Check before any work that ``path`` can be written.

    Raises:
        OutputError: it exists and ``overwrite`` is false, it is a folder, or its folder is missing or read-only.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"{path}: the folder {folder} does not exist; make it first (mkdir -p {folder})")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; choose another name or allow it with --overwrite")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {folder}")


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Give a place to write ``path``; move what was written there to its name on success.

    The place is a new folder beside ``path``, so that the move stays on one file system and files
    that belong together (``.shp``, ``.dbf``, …) travel together, ``path`` itself last. On an error
    the folder goes away and nothing carries the final name.
    """
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.absolute().parent))
    try:
        yield folder / path.name
        written = sorted(folder.iterdir(), key=lambda file: file.name == path.name)
        for file in written:
            file.replace(path.absolute().parent / file.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
