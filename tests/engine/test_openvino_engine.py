"""OpenVINO says what torch says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.engine.choice import find_openvino_model
from landslide_cli.model.weights import find_model
from tests.conftest import MakeScene, noise
from tests.engine.conftest import SIZE, have, opened


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (96, 32)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float64"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_openvino_says_what_torch_says(small_model: Path, shape: tuple[int, int], dtype: str, precision: str) -> None:
    """Clamping and normalisation are part of it."""
    have("openvino", "platformdirs")
    pixels = noise(2, 3, *shape, dtype=dtype)
    settings: dict[str, Any] = {"value_range": (30, 200), "batch_size": 2}
    expected = opened(small_model, precision="float32", **settings)(pixels)
    found = opened(small_model, engine="openvino", precision=precision, **settings)(pixels)
    assert (found.shape, found.dtype) == ((2, *shape), np.float32)
    assert np.abs(found - expected).max() < (1e-5 if precision == "float32" else 0.01)
    assert np.ptp(expected) > 1e-3


def test_engines_take_windows_of_another_size(small_model: Path) -> None:
    have("openvino", "platformdirs")
    engines = [opened(small_model, engine=name, precision="float32") for name in ("torch", "openvino")]
    for size in (96, 64, 128, 96):
        one, other = (engine(noise(1, 3, size, size)) for engine in engines)
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_an_exported_model_runs_without_its_weights(
    exported: Path, small_model: Path, make_scene: MakeScene, tmp_path: Path
) -> None:
    pixels = noise(1, 3, SIZE, SIZE)
    expected = opened(small_model, precision="float32")(pixels)
    found = opened(exported, engine="auto", precision="float32")(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    small_model.unlink()
    command = ["detect", make_scene(pixels[0]), "-o", tmp_path / "a.gpkg", "--model", exported, "--json"]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["model"], summary["engine"], summary["device"]) == ("small", "openvino", "cpu")


def test_torch_is_not_imported_where_openvino_runs(small_model: Path, make_scene: MakeScene, tmp_path: Path) -> None:
    have("openvino", "platformdirs")
    find_openvino_model(*find_model(small_model), "auto")
    arguments = ["detect", str(make_scene(noise(3, SIZE, SIZE))), "-o", str(tmp_path / "a.gpkg")]
    arguments += ["--model", str(small_model), "--engine", "openvino"]
    code = (
        "import sys\nfrom landslide_cli.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "small by openvino on cpu" in done.stderr
