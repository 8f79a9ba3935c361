"""The recorded help is what is printed, and every option tells what it does."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from landslide_cli.cli import main
from tests.docs.conftest import ROOT

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
    """`--help` of every command, as docs/commands.md holds it (write it anew: python -m tests.docs.test_commands)."""
    text = "# Commands\n\nWhat `--help` prints; `landslide COMMAND --help` shows the same.\n"
    for name in ["", *commands()]:
        command = [sys.executable, "-m", "landslide_cli", *name.split(), "--help"]
        shown = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"}
        ).stdout
        shown = shown.replace("python -m landslide_cli", "landslide")
        text += f"\n## landslide {name}".rstrip() + f"\n\n```text\n{shown}```\n"
    return text


@pytest.mark.skipif(
    f"click=={version('click')}" not in (ROOT / "constraints.txt").read_text().splitlines(),
    reason="releases of click print [COMMAND] in their own ways",
)
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


if __name__ == "__main__":
    COMMANDS.write_text(recorded())
