from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from landslide_cli.chips.chip import find_chips
from landslide_cli.cli import main
from landslide_cli.training.batches import Pool
from landslide_cli.training.recipe import Phase, Recipe, Source
from tests.conftest import write_chip


@pytest.fixture
def pools(tmp_path: Path) -> list[Pool]:
    for number in range(6):
        write_chip(tmp_path / "slides", f"s{number}", seed=number)
        write_chip(tmp_path / "others", f"o{number}", seed=number, masked=False)
    return [Pool(find_chips(tmp_path / "slides"), 0.7, 1.0), Pool(find_chips(tmp_path / "others"), 0.3, 1.0)]


def small_recipe(**changes: object) -> Recipe:
    sources = (Source("slides", "slides", 0.7, (0.8, 0.8)), Source("others", "others", 0.3, (0.8, 0.8)))
    recipe = Recipe(
        model_id="tiny", sources=sources, phases=(Phase(4, 2, 32, 0.5), Phase(3, 2, 48)), resolution_m=(0.5, 2),
        arguments={"width": 8}, validation=("b",), test=("c",),
    )  # fmt: skip
    return dataclasses.replace(recipe, **changes)  # type: ignore[arg-type]


RECIPE = """
model_id = "tiny"
resolution_m = [0.8, 0.8]
network = "drs-unet"
arguments = {width = 4}
validation = ["b"]
test = ["c"]
patience = 50
hard_every = 50

[[phases]]
steps = 120
batch = 2
size = 32

[[sources]]
name = "slides"
path = "slides"
share = 0.5
resolution_m = [0.8, 0.8]

[[sources]]
name = "others"
path = "others"
share = 0.5
resolution_m = [0.8, 0.8]
"""


def refused(tmp_path: Path, *options: str, status: int = 1) -> str:
    """What ``landslide train`` says when it refuses."""
    command = ["train", "-o", str(tmp_path / "w.safetensors"), "--run-dir", str(tmp_path / "run"), *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == status, result.output
    assert not (tmp_path / "w.safetensors").exists()
    assert result.stdout == ""
    return next(line for line in result.stderr.splitlines() if line.startswith("Error: "))
