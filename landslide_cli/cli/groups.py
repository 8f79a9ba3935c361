"""Groups of commands whose help shows the whole first sentence of each."""

from __future__ import annotations

from collections.abc import Iterable

import click


class Group(click.Group):
    """Summaries of commands are wrapped, not cut."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_section(formatter, "Commands", (self.commands[name] for name in self.list_commands(ctx)))

    @staticmethod
    def format_section(formatter: click.HelpFormatter, title: str, commands: Iterable[click.Command]) -> None:
        """Write a heading and, under it, what each command does."""
        with formatter.section(title):
            formatter.write_dl([(command.name or "", command.get_short_help_str(limit=1000)) for command in commands])
