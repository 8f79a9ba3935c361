"""Which scenes are found, and how they are named."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import landslide_cli
from landslide_cli.batch.finding import read_list
from landslide_cli.errors import SceneError
from tests.batch.conftest import planned
from tests.conftest import first_band

Names = Callable[..., list[str]]


@pytest.fixture
def below(scenes: Path) -> Path:
    """Scenes a, b, d in a folder, C in one below it; and what isn't a scene."""
    below = scenes / "north"
    below.mkdir()
    (scenes / "c.tif").rename(below / "C.TIFF")
    (scenes / "notes.txt").write_text("no scene")
    (scenes / "._a.tif").write_text("what another system leaves")
    return below


@pytest.fixture
def found(tmp_path: Path, model: Path) -> Names:
    """The names of the scenes in files and folders."""

    def find(*given: Any, **settings: Any) -> list[str]:
        return [task.name for task in planned(given, tmp_path / "out", model, **settings).tasks]

    return find


def test_folders_are_searched_for_rasters(scenes: Path, below: Path, found: Names) -> None:
    assert found(scenes) == ["a", "b", "d"]


def test_a_scene_that_is_named_twice_is_one(scenes: Path, below: Path, found: Names) -> None:
    assert found(scenes, scenes / "a.tif") == ["a", "b", "d"]


def test_folders_below_are_searched_if_asked_for(scenes: Path, below: Path, found: Names) -> None:
    assert found(scenes, recursive=True) == ["a", "b", "d", "C"]


def test_rasters_that_landslide_has_written_are_no_scenes(scenes: Path, model: Path, found: Names) -> None:
    outputs = landslide_cli.Outputs(scenes / "x.gpkg", scenes / "x.tif")
    landslide_cli.detect(scenes / "a.tif", outputs, runtime=landslide_cli.Runtime(model=model), engine=first_band())
    assert found(scenes) == ["a", "b", "c", "d"]


def test_a_list_names_scenes_and_folders(
    scenes: Path, below: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"# two\n{scenes / 'd.tif'}\n\n{below}\n")
    plan = command("--list", listed, "-o", tmp_path / "out", "--dry-run", "--json")
    assert [row["scene"] for row in json.loads(plan.stdout)] == [str(scenes / "d.tif"), str(below / "C.TIFF")]


def test_a_list_that_is_missing_is_told(tmp_path: Path, command: Callable[..., Result]) -> None:
    assert "can't be read" in command("--list", tmp_path / "no.txt", "-o", tmp_path / "out").stderr


def test_a_folder_without_scenes_is_refused(tmp_path: Path, found: Names) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SceneError, match=r"no scene in .*empty: folders are searched for \.tif.*--recursive"):
        found(tmp_path / "empty")


def test_no_scene_at_all_is_wrong_usage(tmp_path: Path, command: Callable[..., Result]) -> None:
    assert command("-o", tmp_path / "out").exit_code == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_lists_as_editors_write_them(tmp_path: Path, encoding: str) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    (tmp_path / "list.txt").write_bytes(mark + '# mine\r\nLänder/a.tif\r\n\r\n"b c.tif"\r\n'.encode(encoding))
    assert read_list(tmp_path / "list.txt") == ["Länder/a.tif", "b c.tif"]


def test_a_list_in_another_encoding_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("Länder/a.tif".encode("cp1252"))
    with pytest.raises(SceneError, match="not UTF-8 at byte 1: save it as UTF-8"):
        read_list(tmp_path / "list.txt")
