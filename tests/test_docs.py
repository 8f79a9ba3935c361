"""Docs that fail when they lie."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from landslide_cli import errors
from landslide_cli.cli import main

ROOT = Path(__file__).parents[1]
COMMANDS = ROOT / "docs" / "commands.md"


def commands() -> dict[str, click.Command]:
    """Every command by its name, those of groups after the group."""
    found: dict[str, click.Command] = {}

    def add(name: str, command: click.Command) -> None:
        found[name] = command
        for below in sorted(getattr(command, "commands", {})):
            add(f"{name} {below}", command.commands[below])  # type: ignore[attr-defined]

    for name in sorted(main.commands):  # type: ignore[attr-defined]
        add(name, main.commands[name])  # type: ignore[attr-defined]
    return found


def recorded() -> str:
    """`--help` of every command, as docs/commands.md holds it (write it anew: python tests/test_docs.py)."""
    text = "# Commands\n\nWhat `--help` prints; `landslide COMMAND --help` shows the same.\n"
    for name in ["", *commands()]:
        command = [sys.executable, "-m", "landslide_cli", *name.split(), "--help"]
        shown = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"}
        ).stdout
        shown = shown.replace("python -m landslide_cli", "landslide")
        text += f"\n## landslide {name}".rstrip() + f"\n\n```text\n{shown}```\n"
    return text


def test_the_recorded_help_is_what_is_printed() -> None:
    assert COMMANDS.read_text() == recorded()


def test_every_command_and_option_says_what_it_does() -> None:
    for name, command in commands().items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"


def test_no_flag_is_declared_twice() -> None:
    sources = [path.read_text() for path in (ROOT / "landslide_cli" / "cli").glob("*.py")]
    for command in commands().values():
        for parameter in command.params:
            for flag in parameter.opts:
                if flag.startswith("--") and flag != "--help" and flag not in ("--out",):
                    assert sum(source.count(f'"{flag}"') for source in sources) == 1, flag


@pytest.mark.parametrize(
    "error",
    [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, (errors.LandslideError, Warning))],
)
def test_every_error_is_explained(error: type) -> None:
    assert f"`{error.__name__}`" in (ROOT / "docs" / "errors.md").read_text()


def test_every_attribute_is_explained_and_its_short_name_told() -> None:
    from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES

    text = (ROOT / "docs" / "outputs.md").read_text()
    assert [name for name in [*FIELDS, *SHORT_NAMES.values()] if f"`{name}`" not in text] == []


def test_every_column_of_the_other_layers_is_explained() -> None:
    import pandas as pd

    from landslide_cli.inventory.provenance import Job, run_table

    _, _, text = (ROOT / "docs" / "outputs.md").read_text().partition("### `runs`")
    now = pd.Timestamp.now("UTC")
    columns = run_table(Job("scene.tif", 1, 1, None, now), {}, now).columns
    assert [name for name in columns if f"`{name}`" not in text.partition("## Provenance")[0]] == []


def test_nothing_in_the_project_is_imagery() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert not [name for name in tracked.stdout.splitlines() if name.endswith((".tif", ".jpg", ".jpeg"))]


if __name__ == "__main__":
    COMMANDS.write_text(recorded())
