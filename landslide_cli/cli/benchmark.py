"""``landslide benchmark``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text
from landslide_cli.errors import counted

if TYPE_CHECKING:
    from landslide_cli.detection.timing import Benchmark

MEANING = {
    "network": "the network alone, pixels in memory",
    "reading": "reading and decoding alone",
    "prediction": "reading, network and blending",
    "polygons": "polygons, measured and written, alone",
    "run": "all of it, as detect runs it",
}


@click.command()
@click.argument("scene", required=False)
@options.prediction
@options.as_json
@options.quiet
def benchmark(scene: str | None, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Time reading, network, polygons and the whole run on SCENE and this machine.

    Takes about three times as long as detect; --bbox takes a part of a large SCENE. Without SCENE, a synthetic one is
    measured. The last column compares each rate with that of the network alone: a run can't be faster than that.

    \b
    landslide benchmark scene.tif
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet):
        from landslide_cli import Runtime, View
        from landslide_cli.detection.timing import benchmark as run

        found = run(scene, view=options.taken(View, settings), runtime=options.taken(Runtime, settings))
    click.echo(as_machine_text(found) if as_json else as_text(found))


def as_text(found: Benchmark) -> str:
    """A benchmark as a table."""
    lines = [
        f"{found.scene}: {found.megapixels:.1f} Mpx, {counted(found.windows, 'window')}, {found.batch_size} at once; "
        f"{found.model} by {found.engine} on {found.device}, {found.precision}",
        f"{'':<40}{'s':>8}{'Mpx/s':>10}{'of network':>12}",
    ]
    for stage in found.stages:
        lines.append(f"{MEANING[stage.name]:<40}{stage.seconds:>8.2f}{stage.mpx_per_s:>10.2f}{stage.share:>12.0%}")
    return "\n".join(lines)
