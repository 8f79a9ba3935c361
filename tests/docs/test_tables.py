"""Tables in the docs that list what the code has."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from landslide_cli.model.card import ModelCard
from landslide_cli.training.augment import Augmentation
from landslide_cli.training.recipe import Phase, Recipe, Source
from tests.docs.conftest import PAGES, ROOT


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table whose header begins so."""
    lines = text[text.index(header) :].splitlines()[2:]
    return [line.strip("|").split(" | ") for line in lines[: next(n for n, line in enumerate(lines) if not line)]]


def names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_the_card_has_the_entries_of_the_table() -> None:
    told = chain.from_iterable(names(cells[0]) for cells in rows(page("models.md"), "| entry | meaning |"))
    assert sorted(told) == sorted(entry.name for entry in fields(ModelCard))


@pytest.mark.parametrize("kind", [Recipe, Source, Phase, Augmentation])
def test_every_entry_of_a_recipe_is_explained(kind: Any) -> None:
    text = page("training.md").partition("## Recipes")[2].partition("## What happens")[0]
    tables = {"sources", "phases", "augmentation"}
    named = {*names(text), *(name for name in tables if f"[[{name}]]" in text)}
    assert {entry.name for entry in fields(kind)} - named == set()


def test_defaults_of_recipes_are_those_of_the_table() -> None:
    defaults = {entry.name: entry.default for entry in fields(Recipe) if entry.default is not MISSING}
    checked = 0
    for cells in rows(page("training.md"), "| entry | default | |"):
        entries, told = names(cells[0]), re.split(r", ", cells[1].strip())
        for name, value in zip(entries, told, strict=len(entries) == len(told)):
            if name not in defaults or not (number := re.match(r"`?([\w.-]+)`?", value)):
                continue
            default = defaults[name]
            if isinstance(default, float | int) and re.fullmatch(r"[\d.e-]+", number[1]):
                assert float(number[1]) == default, name
            elif isinstance(default, str) and value.startswith("`"):
                assert number[1] == default, name
            else:
                assert not default, name  # told in words, such as "none"
            checked += 1
    assert checked > 15


def plugin_source() -> str:
    return "".join(path.read_text() for path in sorted((ROOT / "qgis_plugin" / "landslide_processing").glob("*.py")))


def test_the_algorithms_of_the_plugin_are_those_of_the_table() -> None:
    source = plugin_source()
    made = dict(zip(re.findall(r'command="(\w+)"', source), re.findall(r'title="([^"]+)"', source), strict=True))
    table = rows(page("qgis.md"), "| algorithm | command | gives back |")
    told = {match[2]: match[1] for cells in table if (match := re.match(r" ?(.+), `landslide:(\w+)`", cells[0]))}
    assert told == made


def test_numbers_that_the_plugin_gives_back_are_named() -> None:
    source = plugin_source()
    numbers = re.findall(r'Number\("(\w+)"', source)
    told = set(names(" ".join(cells[2] for cells in rows(page("qgis.md"), "| algorithm | command | gives back |"))))
    assert len(numbers) > 10
    assert set(numbers) - told == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_whole(page: Path) -> None:
    """Each has a header, and rows with as many cells."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, line, *below = (re.sub(r"`[^`]*`|\\\|", "", row).count("|") for row in table.splitlines())
        assert re.fullmatch(r"\|(?: ?:?-+:? ?\|)+", table.splitlines()[1]), table[:200]
        assert {line, *below} == {header}, table[:200]
