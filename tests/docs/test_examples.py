"""Every command line that a page shows can be typed: the command is there, and so are its options and their choices."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from landslide_cli.cli import main
from tests.docs.conftest import PAGES

LINE = re.compile(r"^(?:\$ | {4,}|)landslide ((?:.*\\\n)*.*)$", re.MULTILINE)
INLINE = re.compile(r"`landslide ([a-z][^`]*)`")
CODE = re.compile(r"^```[\s\S]*?^```|(?:^ {4}[^\n]*\n)+", re.MULTILINE)
# Recorded by a test of its own.
RECORDED = "commands.md"


def shown(page: Path) -> Iterator[str]:
    text = page.read_text()
    for block in CODE.findall(text):
        yield from (line.replace("\\\n", " ") for line in LINE.findall(block))
    yield from (line.replace("\n", " ") for line in INLINE.findall(text))


def parsed(line: str) -> None:
    """Parse a command line as click does, short of looking for its files.

    Raises:
        click.UsageError: no such command or option, or a value that isn't one of the option's choices.
    """
    words = shlex.split(re.sub(r"\s#.*$|…", "", line))
    command: click.Command = main
    ctx = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            break
        command = command.commands[words.pop(0)]
        ctx = click.Context(command, parent=ctx)
    if command is main and words and words[0] != "--help":
        raise click.UsageError(f"no command {words[0]}")
    given, _, _ = command.make_parser(ctx).parse_args(words)
    for parameter in command.params:
        value = given.get(parameter.name)
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            parameter.type.convert(value, parameter, ctx)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != RECORDED], ids=lambda page: page.name)
def test_what_is_shown_can_be_typed(page: Path) -> None:
    for line in shown(page):
        try:
            parsed(line)
        except click.UsageError as error:
            pytest.fail(f"landslide {line}: {error.format_message()}")


def test_examples_are_found() -> None:
    assert sum(len(list(shown(page))) for page in PAGES if page.name != RECORDED) > 60


@pytest.mark.parametrize("line", ["detect a.tif --nothing", "segment a.tif", "export a --format shp"])
def test_a_wrong_line_is_seen(line: str) -> None:
    with pytest.raises(click.UsageError):
        parsed(line)
