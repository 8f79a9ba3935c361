"""Which scenes there are."""

from __future__ import annotations

import codecs
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landslide_cli.errors import SceneError, counted, without_secrets
from landslide_cli.files.belonging import REMOTE
from landslide_cli.files.stamps import Stamp, stamps_of, stamps_of_raster

log = logging.getLogger(__name__)

# What a folder is searched for; anything else that GDAL reads can be named.
ENDINGS = (".tif", ".tiff", ".vrt", ".jp2", ".img")
OURS = "LANDSLIDE_VERSION"


@dataclass(frozen=True, slots=True)
class Found:
    """A scene as it lies there.

    Attributes:
        path: How it was given, or found.
        pixels: Rows times columns; 0 if it can't be opened.
        stamps: Name, size and time of change (milliseconds) of its files, those of a VRT's sources included.
    """

    path: str
    pixels: int
    stamps: tuple[Stamp, ...]

    @property
    def where(self) -> str:
        """The whole path, without secrets."""
        told = without_secrets(self.path)
        return told if REMOTE.match(told) else os.path.abspath(told)  # noqa: PTH100  (pathlib would follow links)


def find_scenes(given: Iterable[str | Path], *, recursive: bool = False) -> list[Found]:
    """Look for scenes: files as they are named, folders searched for rasters by their endings.

    What landslide has written itself is left out of folders, and a file that is met twice counts once.

    Args:
        given: Rasters, and folders that are searched for rasters.
        recursive: Search folders inside of folders as well.

    Raises:
        SceneError: there is none.
    """
    given = list(given)
    found: dict[str, Found] = {}
    ours = 0
    for place in given:
        searched = Path(place).is_dir()
        for path in _rasters(Path(place), recursive) if searched else [str(place)]:
            scene = _look(path)
            if scene is None and searched:
                ours += 1
            else:
                found.setdefault(os.path.realpath(path), scene or Found(path, 0, stamps_of(path)))
    if ours:
        log.info("%s that landslide wrote: left out", counted(ours, "raster"))
    if not found:
        deeper = "" if recursive else ", or search folders inside as well with --recursive"
        raise SceneError(
            f"no scene in {', '.join(map(str, given)) or 'an empty list'}: folders are searched for "
            f"{', '.join(ENDINGS)}; name other files themselves{deeper}"
        )
    return list(found.values())


def read_list(path: str | Path) -> list[str]:
    """The scenes that a text file names, one in a line; empty lines and those that begin with # don't count.

    UTF-8, or UTF-16 by its byte order mark, as PowerShell and Notepad write it. Quotes around a line are taken off.

    Raises:
        SceneError: it can't be read.
    """
    try:
        raw = Path(path).read_bytes()
        encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        lines = [line.strip() for line in raw.decode(encoding).splitlines()]
    except OSError as error:
        raise SceneError(f"--list {path} can't be read: {error}; give a text file with one scene in a line") from error
    except UnicodeDecodeError as error:
        raise SceneError(
            f"--list {path} is not UTF-8 at byte {error.start}: save it as UTF-8 (in Notepad: Save as, Encoding: UTF-8)"
        ) from error
    if any("\0" in line for line in lines):
        raise SceneError(f"--list {path} is no text: save it as UTF-8, with one scene in a line")
    named = [line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line for line in lines]
    return [line for line in named if line and not line.startswith("#")]


def _rasters(folder: Path, recursive: bool) -> Iterator[str]:
    """Rasters in a folder in the order of their names; hidden files and folders hold nobody's scenes."""
    for below, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield str(Path(below, name))


def _look(path: str) -> Found | None:
    """The facts of a scene that need no pixels; None if landslide wrote it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as src:
                if OURS in src.tags():
                    return None
                return Found(path, src.width * src.height, stamps_of_raster(src.files, path))
        except (RasterioError, ValueError):
            # A name that isn't UTF-8 is a ValueError. Why is told when its turn comes.
            return Found(path, 0, stamps_of(path))
