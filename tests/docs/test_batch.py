"""What docs/batch.md shows is what the commands print, but for the numbers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from landslide_cli.batch.planning import Batch
from landslide_cli.cli import main
from landslide_cli.demo import write_demo_scene
from tests.conftest import first_band
from tests.docs.conftest import ROOT

SHOWN = re.compile(r"^```text\n(\$ landslide batch .*?)^```", re.MULTILINE | re.DOTALL)
LEFT_OUT = "…"


def pattern(lines: list[str]) -> str:
    """What the output must match: numbers are numbers, and … stands for anything."""
    words = [re.sub(r"\d+(\\\.\d+)?", r"\\d+(?:\\.\\d+)?", re.escape(line)) for line in lines]
    return "".join(f"{word}\n" if word != LEFT_OUT else "(?:.*\n)*" for word in words).replace(LEFT_OUT, ".*")


def test_the_examples_are_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batch, "open_engine", lambda batch: first_band())
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("north/site1", "north/site2", "south/site1")):
        scene = Path("imagery", f"{name}.tif")
        scene.parent.mkdir(parents=True, exist_ok=True)
        write_demo_scene(scene, tmp_path / f"{seed}.gpkg", size=256, seed=seed)
    Path("imagery/south/site3.tif").write_text("no raster")
    blocks = SHOWN.findall((ROOT / "docs" / "batch.md").read_text())
    sessions = [session.splitlines() for block in blocks for session in block.split("$ landslide ")[1:]]
    assert len(sessions) > 1
    for command, *lines in sessions:
        printed = CliRunner().invoke(main, shlex.split(command)).output
        assert re.fullmatch(pattern(lines), printed), printed
