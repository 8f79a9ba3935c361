from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from landslide_cli.chips.chip import find_chips
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
