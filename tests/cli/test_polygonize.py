from __future__ import annotations

import inspect
from dataclasses import fields

import landslide_cli
from landslide_cli.cli import main


def test_every_option_of_polygonize_is_an_argument_of_the_function() -> None:
    options = {parameter.name for parameter in main.commands["polygonize"].params}  # type: ignore[attr-defined]
    given = inspect.signature(landslide_cli.polygonize).parameters.keys() - {"rules", "on_progress"}
    rules = {field.name for field in fields(landslide_cli.PolygonRules)}
    assert options - {"as_json", "quiet", "table", "config"} == given | rules
