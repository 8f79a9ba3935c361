from __future__ import annotations

from pathlib import Path

import pytest

from landslide_cli.errors import TrainingDataError
from landslide_cli.training.recipe import read_recipe

SHARED_RECIPE = Path(__file__).parents[2] / "weights" / "msasnet-rgb-s.toml"


def test_recipes_are_read_and_refused(tmp_path: Path) -> None:
    recipe = read_recipe(SHARED_RECIPE)
    assert sum(source.share for source in recipe.sources) == pytest.approx(1)
    assert recipe.phase_at(0) == recipe.phases[0]
    assert recipe.phase_at(recipe.phases[0].steps) == recipe.phases[1]
    assert recipe.phase_at(recipe.steps - 1) == recipe.phases[-1]
    text = SHARED_RECIPE.read_text()
    bad = tmp_path / "bad.toml"
    for broken, message in (
        (text.replace("seed =", "sead ="), "unknown entries sead"),
        (text.replace("batch = 64\n", ""), "batch"),
        ("model_id =", "is not a recipe"),
    ):
        bad.write_text(broken)
        with pytest.raises(TrainingDataError, match=message):
            read_recipe(bad)
