"""`landslide export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.export.formats import FORMATS


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Run `landslide export`; give the one line on stderr. Nothing may have been written."""

    def run(*arguments: object, status: int = 1) -> str:
        before = sorted(tmp_path.rglob("*"))
        result = CliRunner().invoke(main, ["export", *map(str, arguments)])
        assert result.exit_code == status, result.output
        assert sorted(tmp_path.rglob("*")) == before
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        return line

    return run


def test_refusals_of_the_command_line(refused: Callable[..., str], small_model: Path, tmp_path: Path) -> None:
    assert "no model 'nothing'" in refused("nothing", "-o", tmp_path / "a.onnx")
    assert "ends in .pt2; name it so" in refused(small_model, "--format", "pt2", "-o", tmp_path / "a.onnx")
    (tmp_path / "a.onnx").write_text("mine")
    assert "a.onnx exists; choose another name" in refused(small_model, "-o", tmp_path / "a.onnx")
    assert "Invalid value for '--format'" in refused(small_model, "--format", "tflite", status=2)
    small_model.write_bytes(small_model.read_bytes()[:-1] + b"x")
    assert "is not the" in refused(small_model, "-o", tmp_path / "b.onnx")


def test_the_command_line_writes_a_file_of_512_pixels(small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.pt2"
    result = CliRunner().invoke(main, ["export", str(small_model), "--format", "pt2", "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.stdout.startswith(f"{path}: small as pt2, ")
    pixels = np.zeros((1, 3, 512, 512), dtype=np.float32)
    assert FORMATS["pt2"].run(path, pixels).shape == (1, 1, 512, 512)
    assert path.stat().st_size < 3e6  # the numbers alone
