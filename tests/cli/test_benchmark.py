from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from landslide_cli.cli import main
from tests.conftest import noise


def test_the_command_prints_a_table_and_leaves_nothing(
    make_scene: Callable[..., Path], small_model: Path, tmp_path: Path
) -> None:
    scene = make_scene(noise(3, 100, 120))
    before = sorted(tmp_path.rglob("*"))
    options = ["benchmark", str(scene), "--model", str(small_model), "--engine", "torch", "--device", "cpu"]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 7
    assert "all of it, as detect runs it" in result.stdout
    told = json.loads(CliRunner().invoke(main, [*options, "--json", "-q"]).stdout)
    assert told["windows"] == 1
    assert sorted(tmp_path.rglob("*")) == before
