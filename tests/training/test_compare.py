from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.metrics.scores import Scores
from landslide_cli.training import compare as module
from landslide_cli.training.compare import Row, as_markdown
from landslide_cli.training.recipe import Phase
from tests.training.conftest import small_recipe

pytest.importorskip("lightning")


ROW = Row("unet", 0.5, 0.6, 0.5454, 0.4, 0.5, 0.4444, 0.0123, 0.35, None, 50.7112, 23.5663, 0.1, 1.5)


def test_the_table_has_ours_and_the_paper_s() -> None:
    head, rule, line = as_markdown([ROW], same_data=True).splitlines()
    assert head.count("|") == rule.count("|") == line.count("|")
    assert "| U-Net | 0.5000 | 0.6000 | 0.5454 |" in line
    assert "0.9048, 0.9200, 0.9046" in line
    assert "0.9048" not in as_markdown([ROW], same_data=False)


def test_scores_of_masks_are_pooled() -> None:
    rng = np.random.default_rng(0)
    found, truth = rng.random((2, 5, 30)) < 0.4
    assert Scores.total(Scores.of(*row) for row in zip(found, truth, strict=True)) == Scores.of(found, truth)
    assert Scores.total([]).f1 == 0


@pytest.mark.slow
def test_networks_are_trained_once_and_judged_alike(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WINDOW", 64)
    recipe = small_recipe(phases=(Phase(3, 2, 32),))
    networks = ["drs-unet", "resunet-obia"]
    rows = module.compare(recipe, data, networks, tmp_path)
    assert [row.network for row in rows] == networks
    assert rows[0].rules is None
    assert rows[1].rules is not None
    for row in rows:
        assert 0 <= row.f1 <= 1 and row.seconds > 0 and row.mega < 1
        assert json.loads((tmp_path / row.network / "row.json").read_text())["f1"] == row.f1
    # What is done isn't done again, so a comparison that was stopped goes on.
    monkeypatch.setattr(module, "fit", None)
    again = module.compare(recipe, data, networks, tmp_path)
    assert [replace(row, seconds=0) for row in again] == [replace(row, seconds=0) for row in rows]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a RECIPE or folders of --chips, one of the two"),
        (["--chips", ".", "--data", "."], "--data goes with a RECIPE"),
        (["--chips", ".", "--steps", "3", "--epochs", "2"], "give --steps or --epochs, one of the two"),
    ],
)
def test_what_is_compared_on_is_said_once(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["compare", *arguments, "-o", str(tmp_path / "table.md")])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())
