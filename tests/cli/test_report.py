"""`landslide report`."""

from __future__ import annotations

from landslide_cli.cli import main
from landslide_cli.report.writing import write_report


def test_every_option_of_report_is_an_argument_of_the_function() -> None:
    import inspect

    options = {parameter.name for parameter in main.commands["report"].params} - {"as_json", "quiet"}  # type: ignore[attr-defined]
    assert options == inspect.signature(write_report).parameters.keys() - {"on_progress"}
