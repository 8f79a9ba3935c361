from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from landslide_cli import __version__, doctor
from landslide_cli.cli import main


def test_a_sound_installation_is_found_sound(small_model: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "--model", str(small_model), "--device", "cpu", "--json"])
    assert result.exit_code == 0, result.output
    facts = {(row["topic"], row["name"]): row["fact"] for row in json.loads(result.stdout)}
    assert facts["version", "landslide-cli"] == __version__
    assert "GDAL" in facts["version", "rasterio"]
    assert re.search(r"\d+ cores?, ", facts["device", "cpu"])
    assert "scars" in facts["self-test", "scene"]
    assert "on cpu" in facts["self-test", "detect"]
    assert "read back, valid" in facts["self-test", "inventory"]


def test_what_is_wrong_is_told_and_ends_with_status_1(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = bytearray(small_model.read_bytes())
    damaged[-1] ^= 1
    small_model.write_bytes(damaged)
    monkeypatch.setattr(doctor, "installed_weights", lambda: [small_model])
    result = CliRunner().invoke(main, ["doctor", "--model", str(small_model), "--device", "cpu"])
    assert result.exit_code == 1
    wrong = [line for line in result.stdout.splitlines() if line.endswith("<- wrong")]
    assert len(wrong) == 2
    assert "checksum wrong" in wrong[0]
    assert "ModelError" in wrong[1]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPTIONAL", {"openvino": "no-such-package"})
    fact = next(row for row in doctor.versions() if row.name == "no-such-package")
    assert fact.ok
    assert "pip install 'landslide-cli[openvino]'" in fact.fact


def test_a_variable_of_another_program_is_named(tmp_path: Path) -> None:
    """In a process of its own: PROJ looks for its data once."""
    code = "from landslide_cli.doctor import environment; print(*environment())"
    around = {name: value for name, value in os.environ.items() if name not in doctor.PROJ_VARIABLES}

    def told(**more: str) -> str:
        run = subprocess.run(
            [sys.executable, "-c", code], env=around | more, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    assert told() == ""
    lost = told(PROJ_DATA=str(tmp_path))
    assert "PROJ_DATA" in lost
    assert "unset it" in lost
    assert "ok=False" in lost
