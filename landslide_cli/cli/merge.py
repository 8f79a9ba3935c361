"""``landslide merge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text
from landslide_cli.errors import counted

if TYPE_CHECKING:
    from landslide_cli import Merged
    from landslide_cli.batch.summary import BatchSummary


@click.command()
@click.argument("inventories", type=options.PATH, nargs=-1, required=True, metavar="INVENTORY...")
@options.out(required=True, help="GeoPackage to write.")
@click.option("--doubles", type=click.Choice(["best", "union", "keep"]), default="best", show_default=True,
              help="What stands for a landslide that several scenes saw: the best record (not cut by the scene's edge, "
                   "then of highest probability), the union of all outlines, or every record, marked.")  # fmt: skip
@options.crs(help="Coordinate reference system of FILE, such as EPSG:32648.  [default: that of most inventories]")
@options.overwrite
@options.as_json
@options.quiet
def merge(inventories: tuple[Path, ...], out: Path, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Write one inventory of many: one record for each landslide, whoever saw it.

    Landslides of different scenes that overlap by more than half of the smaller one are one. Halves that the
    edge of a scene cut are joined. The attributes "seen" and "analysed_by" tell how many scenes saw a landslide
    and how many looked there. Areas count each place once. What people added, drew or reviewed is kept.

    INVENTORY is a GeoPackage that detect, batch or merge wrote, and maybe somebody edited.

    \b
    landslide merge north.gpkg south.gpkg -o all.gpkg
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import merge as run

        found = run(inventories, out, on_progress=on_progress, **settings)
    click.echo(as_machine_text(found) if as_json else as_text(out, found))


def told(found: Merged | BatchSummary) -> list[str]:
    """What to know of the records of a merged inventory, in lines."""
    lines = []
    if found.doubles:
        joined = f"; {counted(found.joined, 'outline')} put together of several" if found.joined else ""
        lines.append(f"{counted(found.doubles, 'record')} told of a landslide that another one stands for{joined}")
    if found.contested:
        lines.append(
            f"{counted(found.contested, 'landslide')} seen by at most half of the scenes that looked there: compare "
            "the attributes seen and analysed_by"
        )
    if found.overlapping:
        lines.append(f"{counted(found.overlapping, 'landslide')} still overlap another one: see the attribute overlaps")
    if found.rejected:
        lines.append(f"{found.rejected} more rejected by a reviewer: kept, and not counted")
    return lines


def as_text(out: Path, found: Merged) -> str:
    """What the inventory holds: how many, how much, of how many scenes, and what to know of it."""
    lines = told(found)
    if found.left_out:
        lines.insert(0, f"not in it, for they have no coordinate reference system: {', '.join(found.left_out)}")
    size = "areas unknown without a CRS"
    if found.area_m2 is not None and found.analysed_m2 is not None:
        size = f"{found.area_m2 / 1e4:.2f} ha of {found.analysed_m2 / 1e4:.2f} ha analysed"
    return "\n".join(
        [*lines, f"{out}: {counted(found.scenes, 'scene')}, {counted(found.landslides, 'landslide')}, {size}"]
    )
