"""``landslide chips``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options
from landslide_cli.errors import counted


@click.command()
@click.argument("scene")
@click.option("--labels", type=options.PATH, required=True, metavar="FILE",
              help="Polygons of all landslides in the scene (any vector file, any CRS).")  # fmt: skip
@click.option("-o", "--out", type=options.PATH, required=True, metavar="FOLDER",
              help="New folder for image/, mask/ and groups.csv.")  # fmt: skip
@click.option("--layer", metavar="NAME", help='Layer of the labels.  [default: "landslides", else all]')
@options.size(type=click.IntRange(min=32), default=256, help="Side of a chip.")
@click.option("--stride", type=click.IntRange(min=1), metavar="PIXELS",
              help="From one window to the next; less lets chips overlap.  [default: the size]")  # fmt: skip
@click.option("--at", type=click.Choice(["grid", "labels"]), default="grid", show_default=True,
              help="Cut where a grid meets landslides, or around each landslide.")  # fmt: skip
@click.option("--background", type=click.FloatRange(0, 1, max_open=True), default=0.25, show_default=True,
              metavar="SHARE", help="Part of the chips that hold no landslide.")  # fmt: skip
@click.option("--block", type=click.IntRange(min=1), default=4, show_default=True, metavar="CHIPS",
              help="Side of the blocks that become groups, so that a split keeps neighbours together.")  # fmt: skip
@options.bands
@options.nodata
@options.scale
@options.seed(default=0, help="Another seed draws other chips without landslide.")
@options.quiet
def chips(scene: str, labels: Path, out: Path, quiet: bool, **settings: Any) -> None:
    """Cut chips for training out of SCENE and its landslide polygons.

    Writes GeoTIFFs of three 8-bit bands and masks of 0 and 1, each with its place on the map, and a
    groups.csv that tells which chips lie in one block of the scene. Chips of different groups share no
    pixel. A window with an invalid pixel (nodata, alpha) is left out. Where a landslide isn't among the
    labels, its pixels count as background: label all of the scene.

    \b
    landslide chips scene.tif --labels slides.gpkg -o chips/ --at labels
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import View
        from landslide_cli.chips.cut import Cutting, cut_chips

        def on_chip(done: int, total: int) -> None:
            if on_progress:
                on_progress(done, total, f"{done} of {counted(total, 'window')}")

        view, cutting = options.taken(View, settings), options.taken(Cutting, settings)
        cut = cut_chips(scene, labels, out, view=view, cutting=cutting, on_progress=on_chip, **settings)
    left_out = f"; {counted(cut.invalid, 'window')} left out for invalid pixels" if cut.invalid else ""
    click.echo(f"{out}: {counted(cut.with_landslide, 'chip')} with landslide, {cut.without} without{left_out}")
