"""``landslide polygonize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.earlier import earlier
from landslide_cli.cli.settings import taken
from landslide_cli.cli.summaries import as_machine_text, as_text
from landslide_cli.cli.talk import command_line

if TYPE_CHECKING:
    from landslide_cli.detection.polygonize import Row


@click.command()
@click.argument("probability")
@options.inventory()
@click.option("--table", is_flag=True,
              help="Instead of writing, print number and area of landslides for thresholds 0.1 to 0.9.")  # fmt: skip
@options.run_threshold
@options.run_polygons
@earlier
@options.spread(type=str, help="Spread raster of the same run (detect --tta --spread), for the attribute prob_spread.")
@options.overwrite
@options.config
@options.as_json
@options.quiet
def polygonize(
    probability: str, out: Path | None, table: bool, as_json: bool, quiet: bool, threshold: float | None,
    spread: str | None, overwrite: bool, **settings: Any,
) -> None:  # fmt: skip
    """Write the landslides of a probability raster as polygons, with another threshold than its run had.

    PROBABILITY is what detect --probability has written, or any raster of one band of floating-point
    numbers from 0 to 1. Geometry and attributes are those that detect would give with that threshold,
    without asking the network again.

    A probability is no frequency: choose the threshold on imagery where you know the landslides.

    \b
    landslide polygonize prob.tif --table
    landslide polygonize prob.tif -o slides.gpkg --threshold 0.4
    """
    if table == (out is not None):
        raise click.UsageError("give either -o FILE or --table")
    if table and (threshold is not None or spread is not None or overwrite or settings["before"] is not None):
        raise click.UsageError(
            "--table goes without --threshold, --spread, --before and --overwrite: it counts at every threshold"
        )
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import PolygonRules

        if out is None:
            from landslide_cli.detection.polygonize import table as count

            rows = count(probability, rules=taken(PolygonRules, settings), on_progress=on_progress)
            text = as_machine_text(rows) if as_json else as_table(rows)
        else:
            from landslide_cli import Outputs
            from landslide_cli import polygonize as run

            rules = taken(PolygonRules, settings | {"threshold": threshold})
            outputs = Outputs(out, command=command_line())
            found = run(probability, outputs, rules=rules, spread=spread, overwrite=overwrite, on_progress=on_progress)
            text = as_machine_text(found) if as_json else as_text(found)
    click.echo(text)


def as_table(rows: list[Row]) -> str:
    """One line for each threshold."""
    flat = any(row.flat is not None for row in rows)
    lines = ["threshold  landslides     area ha" + ("    too flat" if flat else "")]
    for row in rows:
        hectares = "unknown" if row.area_m2 is None else f"{row.area_m2 / 1e4:.2f}"
        line = f"{row.threshold:9.1f}  {row.landslides:10}  {hectares:>10}"
        lines.append(f"{line}  {row.flat:10}" if flat else line)
    return "\n".join(lines)
