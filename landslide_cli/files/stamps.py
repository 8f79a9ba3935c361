"""Whether a file is still the one that it was: by its name, size and time of change."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from landslide_cli.errors import without_secrets

# Files that GDAL and QGIS write beside a scene when somebody looks at it.
PASSING = (".aux.xml", ".ovr")

Stamp = tuple[str, int | None, int | None]


def stamps_of(*files: str | Path) -> tuple[Stamp, ...]:
    """Name, size and time of change of files; the last two are None for what lies in no file system."""
    stamps: list[Stamp] = []
    for file in files:
        try:
            told = Path(file).stat()
        except OSError:
            stamps.append((Path(without_secrets(str(file))).name, None, None))
        else:
            # File servers keep no more than milliseconds alike for all who ask.
            stamps.append((Path(file).name, told.st_size, told.st_mtime_ns // 1_000_000))
    return tuple(stamps)


def stamps_of_raster(files: Iterable[str], name: str | Path) -> tuple[Stamp, ...]:
    """The same of the files that a raster consists of, as GDAL names them, or of ``name`` if it names none."""
    lasting: list[str | Path] = [file for file in files if not file.endswith(PASSING)]
    return stamps_of(*(lasting or [name]))
