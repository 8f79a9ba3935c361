"""Recipes are read strictly: whatever is wrong is one line that names the entry and what it needs."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.errors import TrainingDataError
from landslide_cli.training.recipe import Recipe, read_recipe
from tests.training.conftest import RECIPE


def told(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "bad.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TrainingDataError) as error:
        read_recipe(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("share = 0.5\n", "", "[[sources]] 1 (slides) lacks share"),
        ('path = "slides"\n', "path = 3\n", "[[sources]] 1 (slides): path = 3; it needs text in quotes"),
        ("[0.8, 0.8]", "0.8", "resolution_m = 0.8; it needs a list of 2, each of it a number"),
        ("[0.8, 0.8]", '[0.8, "x"]', "it needs a list of 2, each of it a number"),
        ("[0.8, 0.8]", "[2, 1]", "resolution_m = [2, 1] is the wrong way round"),
        ("[0.8, 0.8]", "[0, 1]", "resolution_m = 0 is out of range"),
        ("batch = 2", "batch = 2.5", "[[phases]] 1: batch = 2.5; it needs a whole number"),
        ("batch = 2", "batch = true", "[[phases]] 1: batch = True; it needs a whole number"),
        ("batch = 2", "batch = 0", "[[phases]] 1: batch = 0 is out of range; it needs 1 to 65536"),
        ("patience = 50", "patience = nan", "patience = nan; it needs a whole number"),
        ("patience = 50", "ema_decay = 1.5", "ema_decay = 1.5 is out of range; it needs 0 to 1"),
        ("patience = 50", "learning_rate = inf", "learning_rate = inf; it needs a number"),
        ("patience = 50", 'freeze = "encoder"', "needs an encoder that has learned: give start or encoder"),
        ("[[phases]]", "[augmentation]\nblur = 2\n[[phases]]", "table augmentation: blur = 2 is out of range"),
        ("[[phases]]", "[augmentation]\nbluer = 1\n[[phases]]", "table augmentation has unknown entries bluer"),
        ("[[phases]]", "[phases]", "phases = {'steps': 120, 'batch': 2, 'size': 32}; it needs a list"),
        ('["b"]', "[1]", "validation = [1]; it needs a list, each of it text in quotes"),
        ("{width = 4}", "4", "arguments = 4; it needs a table"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in RECIPE
    assert message in told(tmp_path, RECIPE.replace(old, new, 1))


def test_what_is_no_text_is_no_recipe(tmp_path: Path) -> None:
    assert "is not a recipe" in told(tmp_path, b"\xff\xfe\x00")
    assert "is not a recipe" in told(tmp_path, "a = " + "[" * 100_000)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([entry.name for entry in fields(Recipe)]), ANYTHING)
def test_any_value_is_taken_or_refused_as_ours(name: str, value: object) -> None:
    from landslide_cli.training.entries import build

    table = tomllib.loads(RECIPE) | {name: value}
    try:
        assert isinstance(build(Recipe, table, "the recipe"), Recipe)
    except TrainingDataError as error:
        assert str(error)


def test_an_id_is_no_path_beside_the_recipe(tmp_path: Path) -> None:
    for start, expected in (("msasnet-rgb", "msasnet-rgb"), ("w.safetensors", str(tmp_path / "w.safetensors"))):
        (tmp_path / "r.toml").write_text(f'start = "{start}"\n{RECIPE}')
        assert read_recipe(tmp_path / "r.toml").start == expected
