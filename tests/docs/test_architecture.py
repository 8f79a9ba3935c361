"""docs/architecture.md names what is there, all of it, and the way that a scene really takes."""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from tests.conftest import blobs
from tests.docs.conftest import ROOT

PACKAGE = ROOT / "landslide_cli"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
WALK = PAGE.partition("## The walk of a scene")[2].partition("`landslide polygonize`")[0]
# A file and what it holds: `mosaic/blend.py` `blend`.
NAMED = re.compile(r"`([\w/]+\.py)` `(\w+)`")


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_architecture", ROOT / "docs" / "make_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rooms() -> set[str]:
    """Packages and modules at the top, but for the public face."""
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    return found - {"__init__", "__main__"}


def test_the_tree_names_every_package_and_no_other() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", PAGE.partition("## The tree")[2].partition("## The walk")[0], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(rooms())


def test_every_file_that_is_named_is_there() -> None:
    paths = set(re.findall(r"`((?:[\w.]+/)+(?:[\w.]+\.py)?|\w+\.py)`", PAGE))
    assert len(paths) > 30
    assert [path for path in paths if not ((PACKAGE / path).exists() or (ROOT / path).exists())] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE))))
def test_what_a_file_is_said_to_hold_is_in_it(path: str, name: str) -> None:
    source = (PACKAGE / path).read_text()
    assert re.search(rf"^(?:def |class ){name}\b|^{name}\b.* = |^@.*\ndef {name}\b", source, re.MULTILINE)


def test_the_picture_is_what_the_script_draws(drawing: ModuleType) -> None:
    """Draw it anew: python docs/make_architecture.py docs/architecture.svg."""
    assert (ROOT / "docs" / "architecture.svg").read_text() == drawing.picture()


def test_the_picture_shows_every_package(drawing: ModuleType) -> None:
    assert {room for floor in drawing.floors() for room in floor} | drawing.ANYONE == rooms()


def test_the_picture_shows_files_that_are_there(drawing: ModuleType) -> None:
    assert all((PACKAGE / file).exists() for *_, steps in drawing.LANES for file, _ in steps)


def test_a_scene_takes_every_hop_of_the_walk(make_scene: Callable[..., Path], small_model: Path) -> None:
    """Every function that the walk names is called, and every class is used, by one run of the command."""
    called: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            called.add((frame.f_code.co_filename, frame.f_code.co_qualname.partition(".")[0]))

    scene = make_scene(np.ascontiguousarray(blobs(200, 260)))
    words = ["detect", scene, "-o", scene.with_suffix(".geojson"), "--probability", scene.with_name("prob.tif"),
             "--model", small_model, "--resolution", 1.5, "--threshold", 0.01, "--engine", "torch"]  # fmt: skip
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        result = CliRunner().invoke(main, list(map(str, words)))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert result.exit_code == 0, result.output
    hops = set(NAMED.findall(WALK)) - {("engine/__init__.py", "Engine")}
    assert len(hops) > 15
    assert [hop for hop in sorted(hops) if (str(PACKAGE / hop[0]), hop[1]) not in called] == []
