"""Errors of the system and of libraries, made ours: one line that says what to do.

Where a reader knows what it reads, it says so in its own words. What nobody foresaw comes by here, at the doors of the
package: its public functions and the command line. What isn't known here either is a fault of ours and keeps its
traceback.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from landslide_cli.errors import LandslideError, LibraryError, MachineError

MEMORY = "there is not enough memory; close other programs, or give a smaller --batch-size or a coarser --resolution"
FILES = "too many files are open; allow more (ulimit -n 4096), or close other programs"
FULL = "the disk is full; make room, or write elsewhere"
READ_ONLY = "the disk can only be read; write elsewhere"
PERMISSION = "there is no permission; change it (chmod, chown), or name another file"
GONE = "it isn't there any more; put it back, and leave it until the run has ended"
NETWORK = "the connection failed; look whether the address can be reached, and try again"
DISK = "the disk can't read or write; look whether it fails"
BY_NUMBER = {
    errno.ENOMEM: MEMORY, errno.EMFILE: FILES, errno.ENFILE: FILES, errno.ENOSPC: FULL, errno.EDQUOT: FULL,
    errno.EFBIG: FULL, errno.EROFS: READ_ONLY, errno.EACCES: PERMISSION, errno.EPERM: PERMISSION, errno.ENOENT: GONE,
    errno.EIO: DISK, errno.ESTALE: GONE, errno.ECONNREFUSED: NETWORK, errno.ECONNRESET: NETWORK,
    errno.ETIMEDOUT: NETWORK, errno.EHOSTUNREACH: NETWORK, errno.ENETUNREACH: NETWORK, errno.EPIPE: NETWORK,
}  # fmt: skip
# As libraries say it, whatever the type of their error.
BY_WORDS = (
    (re.compile(r"(can't|cannot|unable to|failed to) allocate|not enough memory|out of memory|bad_alloc|malloc|"
                r"failed to map segment|could not create a (primitive|memory)|can't start new thread", re.IGNORECASE),
     MEMORY),
    (re.compile(r"too many open files|EMFILE", re.IGNORECASE), FILES),
    (re.compile(r"no space left|(disk|database) is full|file too large|quota exceeded", re.IGNORECASE), FULL),
    (re.compile(r"read-only (file system|database)|readonly database", re.IGNORECASE), READ_ONLY),
    (re.compile(r"permission denied|operation not permitted", re.IGNORECASE), PERMISSION),
    (re.compile(r"curl error|http error|could not resolve|connection (refused|reset|timed out)|HTTP response code",
                re.IGNORECASE), NETWORK),
)  # fmt: skip
LIBRARIES = {
    "rasterio": "GDAL", "pyogrio": "GDAL", "shapely": "GEOS", "pyproj": "PROJ", "sqlite3": "SQLite", "pyarrow": "Arrow",
    "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "safetensors_rust": "safetensors", "PIL": "Pillow",
    "zlib": "zlib", "nncf": "NNCF", "lightning": "Lightning", "geopandas": "GeoPandas", "matplotlib": "matplotlib",
}  # fmt: skip
# OpenVINO's and torch's come as plain RuntimeErrors.
OPENVINO = re.compile(r"^Exception from src/")


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Make the errors of the system and of libraries ours; for use as a decorator as well.

    Raises:
        MachineError: the machine lacks something.
        LibraryError: a library says why it can't go on.
    """
    try:
        yield
    except Exception as error:
        ours = as_ours(error)
        if ours is None or ours is error:
            raise
        raise ours from error


def as_ours(error: BaseException) -> LandslideError | None:
    """An error as one of ours; None for a fault of this program."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, LandslideError):
            return cause
        told = " ".join(str(cause).split())
        lacking = _lacking(cause, told)
        if lacking:
            return MachineError(f"{_where(cause, told)}{lacking}")
        library = _library(cause, told)
        if library:
            what = told.rstrip(".") or type(cause).__name__
            return LibraryError(f"{library} can't go on: {what}; look whether the input is what it should be")
        cause = cause.__cause__
    return None


def _lacking(error: BaseException, told: str) -> str | None:
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, OSError) and error.errno in BY_NUMBER:
        return BY_NUMBER[error.errno]
    return next((remedy for words, remedy in BY_WORDS if words.search(told)), None)


def _where(error: BaseException, told: str) -> str:
    """What it was about, before the remedy."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: "
    return f"{told[:200].rstrip('.')}: " if told else ""


def _library(error: BaseException, told: str) -> str | None:
    if OPENVINO.match(told):
        return "OpenVINO"
    if isinstance(error, OSError) and error.errno is not None:
        return "the system"
    for kind in type(error).__mro__:
        library = LIBRARIES.get(kind.__module__.partition(".")[0])
        if library:
            return library
    return None
