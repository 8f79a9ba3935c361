"""The command line: doors to what the package does.

Command modules import torch, geopandas and the like inside their functions, so that ``--help`` is instant.
"""

from __future__ import annotations

import io
import signal
import sys
import traceback
from types import FrameType, TracebackType
from typing import Any

import click

from landslide_cli.cli.batch import batch
from landslide_cli.cli.benchmark import benchmark
from landslide_cli.cli.changes import changes
from landslide_cli.cli.chips import chips
from landslide_cli.cli.compare import compare
from landslide_cli.cli.demo_scene import demo_scene
from landslide_cli.cli.detect import detect
from landslide_cli.cli.doctor import doctor
from landslide_cli.cli.evaluate import evaluate
from landslide_cli.cli.export import export
from landslide_cli.cli.groups import Group
from landslide_cli.cli.info import info
from landslide_cli.cli.measure import measure
from landslide_cli.cli.merge import merge
from landslide_cli.cli.models import models
from landslide_cli.cli.polygonize import polygonize
from landslide_cli.cli.report import report
from landslide_cli.cli.train import train
from landslide_cli.errors import LandslideError, without_secrets

INTERRUPTED = 130


class Doors(Group):
    """Shows commands by what they are for, and turns errors raised on purpose into one line and exit status 1."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            self.format_section(formatter, title, commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LandslideError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as stop:
            click.echo(str(stop) or "Interrupted; nothing was written.", err=True)
            ctx.exit(INTERRUPTED)


def _tell_versions(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from landslide_cli.doctor import short_versions

        for name, version in short_versions():
            click.echo(f"{name} {version}")
        ctx.exit()


@click.group(cls=Doors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_versions,
              help="Show the versions of the program, torch, GDAL and the weights, and exit.")  # fmt: skip
def main() -> None:
    """Landslide polygons from satellite, aerial and drone imagery.

    \b
    landslide detect scene.tif -o slides.gpkg
    """
    # A polite kill ends like Ctrl-C, so that unfinished files are cleared away.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.excepthook = _tell_a_bug
    # Names of files may hold what a terminal can't show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _tell_a_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show where an error came from that nobody foresaw, without the signatures and passwords of addresses."""
    sys.stderr.write(without_secrets("".join(traceback.format_exception(kind, error, trace))))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# By what they are for, as the help shows them.
COMMANDS = {
    "Find landslides": (detect, batch, info, polygonize),
    "Look at them, correct, bring together": (report, measure, merge, changes),
    "Judge": (evaluate, compare),
    "Teach": (chips, train),
    "Tools": (models, export, benchmark, doctor, demo_scene),
}
for commands in COMMANDS.values():
    for command in commands:
        main.add_command(command)

if __name__ == "__main__":
    sys.exit(main())
