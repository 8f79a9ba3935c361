"""``landslide measure``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text

if TYPE_CHECKING:
    from landslide_cli import Measurement


@click.command()
@click.argument("inventory", type=options.PATH)
@options.out(help="Inventory to write, in any format that detect writes.  [default: INVENTORY itself]")
@options.scene(
    type=options.PATH, help="The scene: names it where a polygon was drawn, counts pixels, tells what its border cuts."
)
@options.probability(help="Probability raster of that run, for the probabilities of what was drawn and reshaped.")
@options.dem
@click.option(
    "--decisions", type=options.PATH, metavar="CSV|GEOJSON",
    help="Decisions of a review to write into the inventory: id, status, note, reviewer, reviewed_at.",
)  # fmt: skip
@options.overwrite
@options.as_json
@options.quiet
def measure(inventory: Path, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Measure anew what a person has drawn and reshaped in an inventory; what the person wrote stays.

    INVENTORY is what detect wrote and somebody edited, in QGIS or elsewhere, or any file with a layer of
    polygons. Areas, lengths and centroids come from the outlines, probabilities from --probability, height and
    slope from --dem; what can't be told becomes null. Polygons that weren't touched stay as they are.

    Without -o the file itself is written, when everything is complete: close it in QGIS first.

    \b
    landslide measure slides.gpkg --probability prob.tif
    landslide measure slides.gpkg --decisions decisions.csv
    landslide measure drawn.shp -o slides.gpkg --scene scene.tif --dem dem.tif
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import measure as run

        made = run(inventory, on_progress=on_progress, **settings)
    click.echo(as_machine_text(made) if as_json else as_text(made))


def as_text(made: Measurement) -> str:
    """What was done, in one line."""
    done = [f"{made.reshaped} reshaped", f"{made.drawn} drawn"]
    if made.without_polygon:
        done.append(f"{made.without_polygon} without a polygon")
    done.append(f"{made.unchanged} unchanged")
    if made.decided:
        done.append(f"{made.decided} decision{'s' * (made.decided != 1)} written")
    area = "" if made.area_m2 is None else f"; {made.area_m2 / 1e4:.2f} ha together"
    return f"{made.out}: {', '.join(done)}{area}"
