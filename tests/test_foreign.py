"""Errors of the system and of libraries reach the user as ours, in one line; faults of ours don't."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
import rasterio
import shapely
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.errors import LandslideError, LibraryError, MachineError, SceneError
from landslide_cli.foreign import as_ours, foreign_errors


def library_error() -> Exception:
    try:
        shapely.from_wkt("POLYGON ((0 0, 1 1))")
    except Exception as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/out.tif"), MachineError, "/x/out.tif: the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), MachineError, "the disk can only be read"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), MachineError, "a: there is no permission"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a"), MachineError, "a: it isn't there any more"),
        (OSError(errno.EMFILE, "Too many open files"), MachineError, "ulimit -n"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), MachineError, "the connection failed"),
        (MemoryError("Unable to allocate 3 TiB"), MachineError, "there is not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MachineError, "there is not enough memory"),
        (sqlite3.OperationalError("database or disk is full"), MachineError, "the disk is full"),
        (rasterio.errors.RasterioIOError("CURL error: Could not resolve host"), MachineError, "the connection failed"),
        (rasterio.errors.CRSError("The WKT could not be parsed"), LibraryError, "GDAL can't go on: The WKT could not"),
        (library_error(), LibraryError, "GEOS can't go on"),
        (RuntimeError("Exception from src/inference/src/cpp/core.cpp:117:\nx"), LibraryError, "OpenVINO can't go on"),
        (SceneError("ours"), SceneError, "ours"),
    ],
)  # fmt: skip
def test_what_libraries_say_becomes_one_line(error: Exception, kind: type[LandslideError], told: str) -> None:
    ours = as_ours(error)
    assert type(ours) is kind
    assert told in str(ours)
    assert "\n" not in str(ours)


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), ValueError("x"), RuntimeError("x"), AssertionError()])
def test_a_fault_of_ours_keeps_its_traceback(error: Exception) -> None:
    assert as_ours(error) is None
    with pytest.raises(type(error)), foreign_errors():
        raise error


def test_the_cause_of_an_error_counts() -> None:
    error = ValueError("it can't be written")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(MachineError, match="the disk is full"), foreign_errors():
        raise error


def test_the_command_line_tells_it_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*given: object, **more: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files", "scene.tif")

    monkeypatch.setattr("landslide_cli.demo.write_demo_scene", fail)
    result = CliRunner().invoke(main, ["demo-scene", str(tmp_path / "demo.tif")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: scene.tif: too many files are open; allow more (ulimit -n")
    assert result.stderr.count("\n") == 1
