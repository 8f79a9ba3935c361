"""``landslide demo-scene``."""

from __future__ import annotations

from pathlib import Path

import click

from landslide_cli.cli import options
from landslide_cli.errors import counted


@click.command("demo-scene")
@click.argument("out", type=options.PATH)
@options.size(type=click.IntRange(min=256), default=2048, help="Side of the scene.")
@options.seed(default=7, help="Another seed makes another landscape.")
@options.overwrite
def demo_scene(out: Path, size: int, seed: int, overwrite: bool) -> None:
    """Write a synthetic scene with landslide scars to OUT, a GeoTIFF.

    Beside it, OUT with the ending _truth.gpkg holds the true outlines of the scars. The landscape is
    computed, not photographed: it shows how the tool is used, not how well it does on real imagery.

    \b
    landslide demo-scene demo.tif
    """
    from landslide_cli.demo import write_demo_scene

    truth = out.with_name(out.stem + "_truth.gpkg")
    scars = write_demo_scene(out, truth, size=size, seed=seed, overwrite=overwrite)
    click.echo(f"{out}: synthetic, {size} x {size} pixels of 0.8 m; {counted(scars, 'scar')} in {truth}")
