from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.cli.talk import JsonProgress, talking
from tests.conftest import MakeScene


def test_progress_for_machines_is_lines_of_json(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene = make_scene(np.full((3, 300, 1500), 90, np.uint8))
    words = ["detect", scene, "-o", tmp_path / "s.gpkg", "--model", small_model]
    ran = subprocess.run(
        [sys.executable, "-m", "landslide_cli", *map(str, words)],
        capture_output=True, text=True, check=True, env={**os.environ, "LANDSLIDE_PROGRESS": "json"},
    )  # fmt: skip
    told = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert [line["total"] for line in told] == [300 * 1500] * len(told)
    done = [line["done"] for line in told]
    assert len(done) > 1
    assert done == sorted(set(done))
    assert done[-1] == 300 * 1500
    assert any(line.startswith("small by ") for line in ran.stderr.splitlines())


def test_progress_is_told_a_thousand_times_at_most() -> None:
    stream = io.StringIO()
    tell = JsonProgress(stream)
    for done in range(5001):
        tell(done, 5000, "n")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 1001
    assert lines[-1] == {"done": 5000, "total": 5000, "note": "n"}


@pytest.mark.parametrize("progress", ["json", ""])
def test_quiet_silences_progress_notes_and_warnings(
    make_scene: MakeScene, small_model: Path, monkeypatch: pytest.MonkeyPatch, progress: str
) -> None:
    monkeypatch.setenv("LANDSLIDE_PROGRESS", progress)
    scene = make_scene(np.full((3, 60, 70), 90, np.uint8), crs=None)  # without a CRS there is a warning
    words = ["detect", str(scene), "-o", str(scene.with_suffix(".gpkg")), "--model", str(small_model)]
    assert "Warning: " in CliRunner().invoke(main, words).stderr
    quiet = CliRunner().invoke(main, [*words, "--overwrite", "--quiet"])
    assert quiet.stderr == ""
    assert quiet.stdout.count("\n") == 1


@pytest.mark.parametrize("notes", [True, False])
def test_whoever_listens_to_the_log_listens_as_before(notes: bool) -> None:
    logger = logging.getLogger("landslide_cli")
    before = logger.level, list(logger.handlers)
    with talking(quiet=False, notes=notes):
        assert logger.isEnabledFor(logging.INFO) == notes
    assert (logger.level, logger.handlers) == before
