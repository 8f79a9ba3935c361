"""``landslide changes``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text

if TYPE_CHECKING:
    from landslide_cli import Changes


@click.command()
@click.argument("old", type=options.PATH)
@click.argument("new", type=options.PATH)
@options.out(required=True, help="GeoPackage to write.")
@click.option("--same", "overlap", type=click.FloatRange(0, 1, max_open=True), default=0.5, show_default=True,
              metavar="SHARE",
              help="Part of the smaller of two polygons that both must share to be the same landslide.")  # fmt: skip
@click.option("--growth", type=click.FloatRange(min=0), default=0.25, show_default=True, metavar="SHARE",
              help="Part of its area by which a landslide must have grown or shrunk to be called so.")  # fmt: skip
@click.option("--distance", "distance_m", type=click.FloatRange(min=0), default=50, show_default=True,
              metavar="METRES",
              help="How far a point may lie from a polygon and still be the same landslide.")  # fmt: skip
@options.crs(help="Coordinate reference system of FILE.  [default: that of NEW]")
@options.overwrite
@options.as_json
@options.quiet
def changes(
    old: Path, new: Path, out: Path, crs: str | None, overwrite: bool, as_json: bool, quiet: bool, **given: Any
) -> None:
    """Write what became of each landslide from one inventory to another, and print how many of which.

    new, grown, known, shrunk; gone, where NEW looked and found nothing; and not analysed, where the other
    inventory never looked, so that nothing can be said. OLD and NEW may be of anyone: polygons or points, in any
    vector format and coordinate system. One that doesn't tell what was analysed is taken to have looked everywhere.

    \b
    landslide changes before.gpkg after.gpkg -o changes.gpkg
    landslide changes published.shp slides.gpkg -o changes.gpkg --distance 100
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import ChangeRules, find_changes

        rules = ChangeRules(**given)
        found = find_changes(old, new, out, rules=rules, crs=crs, overwrite=overwrite, on_progress=on_progress)
    click.echo(as_machine_text(found) if as_json else as_table(found, old, new))


def as_table(found: Changes, old: Path, new: Path) -> str:
    """One line for each class, and what to know."""
    lines = ["change        landslides      old ha      new ha"]
    for row in found.classes:
        before, after = ("" if area is None else f"{area / 1e4:.2f}" for area in (row.area_old_m2, row.area_new_m2))
        lines.append(f"{row.change:<12}  {row.landslides:10}  {before:>10}  {after:>10}".rstrip())
    silent = [path for path, tells in ((old, found.old_tells), (new, found.new_tells)) if not tells]
    for path in silent:
        lines.append(f"{path} doesn't tell where it looked: it is taken to have looked everywhere")
    return "\n".join([*lines, f"{found.out}: {found.old} landslides against {found.new}"])
