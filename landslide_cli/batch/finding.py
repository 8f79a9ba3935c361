"""Which scenes there are."""

from __future__ import annotations

import codecs
import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rasterio.errors import RasterioError

from landslide_cli.batch.items import Listed, read_items
from landslide_cli.errors import SceneError, counted, without_secrets
from landslide_cli.files.stamps import Stamp, stamps_of, stamps_of_raster
from landslide_cli.scene.opening import opened
from landslide_cli.scene.remote import fingerprint, is_remote

log = logging.getLogger(__name__)

# What a folder is searched for; anything else that GDAL reads can be named.
ENDINGS = (".tif", ".tiff", ".vrt", ".jp2", ".img")
OURS = "LANDSLIDE_VERSION"

# What an address begins with.
ADDRESS = re.compile(r"^(?:/vsi\w+/)*(?:[a-z0-9+]+:/{1,2})*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A scene as it lies there.

    Attributes:
        path: How it was given, or found.
        called: Folders and name that its outputs are called after.
        pixels: Rows times columns; 0 if it can't be opened.
        stamps: Name, size and time of change (milliseconds) of its files, those of a VRT's sources included.
    """

    path: str
    called: Path
    pixels: int
    stamps: tuple[Stamp, ...]

    @property
    def where(self) -> str:
        """The whole path, without secrets."""
        return without_secrets(self.path) if is_remote(self.path) else _absolute(self.path)


def find_scenes(given: Iterable[str | Path | Listed], *, recursive: bool = False) -> list[Found]:
    """Look for scenes: files as they are named, folders searched for rasters by their endings.

    What landslide has written itself is left out of folders, and a file that is met twice counts once.

    Args:
        given: Rasters, and folders that are searched for rasters, or what `read_list` gave.
        recursive: Search folders inside of folders as well.

    Raises:
        SceneError: there is none.
    """
    given = list(given)
    found: dict[str, Found] = {}
    ours = 0
    for one in given:
        place = one.path if isinstance(one, Listed) else one
        searched = Path(place).is_dir()
        for path in rasters_in(Path(place), recursive=recursive) if searched else [str(place)]:
            called = one.name if isinstance(one, Listed) else _folders(path)
            scene = _look(path, called)
            if scene is None and searched:
                ours += 1
            else:
                same = path if is_remote(path) else os.path.realpath(path)
                found.setdefault(same, scene or Found(path, called, 0, stamps_of(path)))
    if ours:
        log.info("%s that landslide wrote: left out", counted(ours, "raster"))
    if not found:
        deeper = "" if recursive else ", or search folders inside as well with --recursive"
        raise SceneError(
            f"no scene in {', '.join(map(_told, given)) or 'an empty list'}: folders are searched for "
            f"{', '.join(ENDINGS)}; name other files themselves{deeper}"
        )
    return list(found.values())


def read_list(path: str | Path, *, asset: str | None = None) -> list[str | Listed]:
    """The scenes that a text file names, one in a line; empty lines and those that begin with # don't count.

    UTF-8, or UTF-16 by its byte order mark, as PowerShell and Notepad write it. Quotes around a line are taken off. A
    file of JSON names the scenes of STAC items.

    Args:
        path: The file.
        asset: The asset of each STAC item that is the scene, see `landslide_cli.batch.items.read_items`.

    Raises:
        SceneError: it can't be read, or an item doesn't tell which asset is the scene.
        MissingExtraError: it is of STAC items, and pystac isn't installed.
    """
    try:
        raw = Path(path).read_bytes()
        encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        text = raw.decode(encoding)
    except OSError as error:
        raise SceneError(f"--list {path} can't be read: {error}; give a text file with one scene in a line") from error
    except UnicodeDecodeError as error:
        raise SceneError(
            f"--list {path} is not UTF-8 at byte {error.start}: save it as UTF-8 (in Notepad: Save as, Encoding: UTF-8)"
        ) from error
    if text.lstrip().startswith("{"):
        return [*read_items(text, path, asset)]
    if asset is not None:
        raise SceneError(f"--asset {asset} is of STAC items, but --list {path} isn't JSON: leave it out")
    if "\0" in text:
        raise SceneError(f"--list {path} is no text: save it as UTF-8, with one scene in a line")
    lines = [line.strip() for line in text.splitlines()]
    named = [line[1:-1] if len(line) > 1 and line[0] == line[-1] == '"' else line for line in lines]
    return [line for line in named if line and not line.startswith("#")]


def _told(place: str | Path | Listed) -> str:
    return str(place.path if isinstance(place, Listed) else place)


def _folders(path: str) -> Path:
    """The folders on the way to a scene and its name; those of an address begin with its host or bucket."""
    if not is_remote(path):
        return Path(_absolute(path))
    # No name of a file on Windows holds the colon before a port.
    return Path(ADDRESS.sub("", without_secrets(path)).replace(":", "_"))


def _absolute(path: str) -> str:
    return os.path.abspath(without_secrets(path))  # noqa: PTH100  (pathlib would follow links)


def rasters_in(folder: Path, *, recursive: bool = False) -> Iterator[str]:
    """Rasters in a folder in the order of their names; hidden files and folders hold nobody's scenes."""
    for below, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield str(Path(below, name))


def _look(path: str, called: Path) -> Found | None:
    """The facts of a scene that need no pixels; None if landslide wrote it."""
    try:
        with opened(path) as src:
            if OURS in src.tags():
                return None
            if is_remote(path):
                stamp = (called.name, fingerprint(src), None)
                return Found(path, called, src.width * src.height, (stamp,))
            return Found(path, called, src.width * src.height, stamps_of_raster(src.files, path))
    except (RasterioError, ValueError, SceneError):
        # A name that isn't UTF-8 is a ValueError. Why is told when its turn comes.
        return Found(path, called, 0, stamps_of(path))
