"""``landslide doctor``."""

from __future__ import annotations

from itertools import groupby

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text


@click.command()
@options.model
@options.device
@options.as_json
@click.pass_context
def doctor(ctx: click.Context, /, model: str, device: str, as_json: bool) -> None:
    """Tell what is installed and what it can run on, and try a run from end to end.

    The run is on a small synthetic scene in a temporary folder. Send what this prints along with a question or a
    report; the exit status is 1 if something is wrong.

    \b
    landslide doctor
    """
    from landslide_cli.doctor import examine

    found = examine(model=model, device=device)
    if as_json:
        click.echo(as_machine_text(found))
    else:
        for topic, rows in groupby(found, lambda row: row.topic):
            click.echo(topic)
            for row in rows:
                click.echo(f"  {row.name:<15}{row.fact}" + "  <- wrong" * (not row.ok))
    ctx.exit(0 if all(row.ok for row in found) else 1)
