"""The command line: doors to what the package does.

Command modules import torch, geopandas and the like inside their functions, so that ``--help`` is instant.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

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
from landslide_cli.errors import without_secrets
from landslide_cli.files.interrupts import asked_to_stop
from landslide_cli.foreign import as_ours

INTERRUPTED = 130


class Doors(Group):
    """Shows commands by what they are for, and turns errors raised on purpose into one line and exit status 1."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            self.format_section(formatter, title, commands)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except KeyboardInterrupt:
            # Before a command has begun; click would give it the status of an error.
            raise click.exceptions.Exit(INTERRUPTED) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except BrokenPipeError:
            raise  # whoever reads stdout has enough; click ends in silence
        except Exception as error:
            ours = as_ours(error)
            if asked_to_stop.came:
                _tell_interrupt(ctx)
            if ours is None:
                raise
            raise click.ClickException(" ".join(str(ours).split())) from error
        except KeyboardInterrupt as stop:
            _tell_interrupt(ctx, str(stop))


def _tell_interrupt(ctx: click.Context, said: str = "") -> NoReturn:
    click.echo(said or "Interrupted; nothing was written.", err=True)
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
@click.pass_context
def main(ctx: click.Context) -> None:
    """Landslide polygons from satellite, aerial and drone imagery.

    \b
    landslide detect scene.tif -o slides.gpkg
    """
    sys.excepthook = _tell_a_bug
    if threading.current_thread() is threading.main_thread():
        ctx.with_resource(_Interrupt().heard())
    sys.unraisablehook = _tell_unraisable
    # Names of files may hold what a terminal can't show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _tell_a_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show where an error came from that nobody foresaw, without the signatures and passwords of addresses."""
    sys.stderr.write(without_secrets("".join(traceback.format_exception(kind, error, trace))))


def _tell_unraisable(told: sys.UnraisableHookArgs) -> None:
    """Leave out what rasterio can't log of GDAL's messages, which need not be UTF-8; the error itself is told."""
    if "rasterio._env" not in str(told.object):
        sys.__unraisablehook__(told)


class _Interrupt:
    """Ends the run, and when it comes again, the process: clearing away may take longer than anybody waits."""

    @contextmanager
    def heard(self) -> Iterator[None]:
        """A polite kill and a closed terminal end like Ctrl-C, so that unfinished files are cleared away."""
        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        asked_to_stop.came = False
        before = {number: signal.signal(number, self) for number in numbers}
        try:
            yield
        finally:
            # Once it came, the process is on its way out, and one that comes then must find this one still.
            for number, handler in before.items() if not asked_to_stop.came else ():
                signal.signal(number, handler)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if asked_to_stop.came:
            os.write(2, b"Stopped; the next run that writes there clears away what is left.\n")
            os._exit(INTERRUPTED)
        asked_to_stop.came = True
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
