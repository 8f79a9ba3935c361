"""``landslide report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text

if TYPE_CHECKING:
    from landslide_cli.report.writing import Report


@click.command()
@click.argument("inventory", type=options.PATH)
@options.scene(required=True, help="The scene of that run, or one of a merged inventory's, for the map.")
@options.out(required=True, help="Page to write, such as report.html.")
@options.probability(type=str, help="Probability raster of the same run (detect --probability), as a layer of the map.")
@click.option("--png", type=options.PATH, metavar="PNG",
              help="Also draw a picture for a message: scene, outlines, scale bar, number and area.")  # fmt: skip
@click.option("--imagery", "imagery_mb", type=click.FloatRange(min=0, min_open=True), default=10, show_default=True,
              metavar="MB", help="Largest size of the imagery in the page: how fine the map gets.")  # fmt: skip
@options.overwrite
@options.as_json
@options.quiet
def report(inventory: Path, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Write one page that shows an inventory: map, table, charts, how it was made, what nobody looked at.

    INVENTORY is what detect, polygonize, batch or merge has written; a GeoPackage tells most. The page opens in any
    browser and needs no network: imagery, map library and data are in it. On it a person can filter and say what each
    polygon is; landslide measure --decisions takes the file that the page saves.

    The imagery is reduced to fit: what can't be seen on the page may be seen in the scene.

    \b
    landslide report slides.gpkg --scene scene.tif -o report.html --probability prob.tif --png slides.png
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli.report.writing import write_report

        made = write_report(inventory, on_progress=on_progress, **settings)
    click.echo(as_machine_text(made) if as_json else as_text(made))


def as_text(made: Report) -> str:
    """One line for each file."""
    size = f"{made.size / 1e6:.1f} MB" if made.size >= 1e5 else f"{made.size / 1e3:.0f} kB"
    fine = f", imagery reduced {made.reduction} times" if made.reduction > 1 else ", imagery in full resolution"
    simple = f", outlines simplified by up to {made.simplified_px:g} pixels" if made.simplified_px else ""
    others = f" ({made.elsewhere} more of the inventory lie elsewhere)" if made.elsewhere else ""
    line = f"{made.out}: {made.landslides} landslide{'s' * (made.landslides != 1)}{others}{fine}{simple}, {size}"
    return line if made.png is None else f"{line}\n{made.png}: picture"
