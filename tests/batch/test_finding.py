"""Which scenes are found, and how they are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import landslide_cli
from landslide_cli.errors import SceneError
from tests.batch.conftest import planned
from tests.conftest import first_band


def test_which_scenes_are_found(scenes: Path, tmp_path: Path, model: Path, command: Callable[..., Result]) -> None:
    below = scenes / "north"
    below.mkdir()
    (scenes / "c.tif").rename(below / "C.TIFF")
    (scenes / "notes.txt").write_text("no scene")
    (scenes / "._a.tif").write_text("what another system leaves")
    outputs = landslide_cli.Outputs(scenes / "x.gpkg", scenes / "x.tif")
    landslide_cli.detect(scenes / "a.tif", outputs, runtime=landslide_cli.Runtime(model=model), engine=first_band())

    def found(*given: Any, **settings: Any) -> list[str]:
        return [task.name for task in planned(given, tmp_path / "out", model, **settings).tasks]

    assert found(scenes) == found(scenes, scenes / "a.tif") == ["a", "b", "d"]
    assert found(scenes, recursive=True) == ["a", "b", "d", "C"]
    assert found(scenes, recursive=True, name_by="path") == ["a", "b", "d", "north_C"]
    listed = tmp_path / "list.txt"
    listed.write_text(f"# two\n{scenes / 'd.tif'}\n\n{below}\n")
    plan = command("--list", listed, "-o", tmp_path / "out", "--dry-run", "--json")
    assert [row["scene"] for row in json.loads(plan.stdout)] == [str(scenes / "d.tif"), str(below / "C.TIFF")]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SceneError, match=r"no scene in .*empty: folders are searched for \.tif.*--recursive"):
        found(empty)
    missing = command("--list", tmp_path / "no.txt", "-o", tmp_path / "out")
    assert "can't be read" in missing.stderr
    assert command("-o", tmp_path / "out").exit_code == 2
