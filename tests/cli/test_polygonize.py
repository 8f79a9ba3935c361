from __future__ import annotations

import landslide_cli
from landslide_cli.cli import main


def test_every_option_of_polygonize_is_an_argument_of_the_function() -> None:
    import inspect

    options = {parameter.name for parameter in main.commands["polygonize"].params}  # type: ignore[attr-defined]
    given = inspect.signature(landslide_cli.polygonize).parameters.keys() - {"command", "on_progress"}
    assert options - {"as_json", "quiet", "table"} == given
