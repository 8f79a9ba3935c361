"""``landslide batch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.summaries import as_machine_text
from landslide_cli.cli.talk import command_line

if TYPE_CHECKING:
    from landslide_cli.batch.planning import Batch
    from landslide_cli.batch.running import BatchSummary


@click.command()
@click.argument("scenes", nargs=-1)
@click.option("--list", "listed", type=options.PATH, metavar="FILE",
              help="Text file that names more scenes or folders, one in a line.")  # fmt: skip
@options.out(required=True, metavar="FOLDER", help="Folder for the outputs; made if it isn't there.")
@click.option("--recursive", is_flag=True, help="Search the folders inside of folders as well.")
@click.option("--name-by", type=click.Choice(["stem", "path"]), default="stem", show_default=True,
              help="Name outputs by the scene's name, or by the folders on the way to it as well.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Tell what there is to do and why, and do nothing.")
@options.each_probability(help="Also write each probability (0 to 1) as a GeoTIFF.")
@options.each_mask(help="Also write each mask (1 landslide, 0 not, 255 not analysed) as a GeoTIFF.")
@options.each_spread(help="Also write how far apart the views of --tta are (standard deviation) as a GeoTIFF.")
@options.stac(help="Also write a STAC item beside each inventory, named as it is but ending in .json.")
@options.threshold
@options.polygons
@options.prediction
@options.running
@options.batch_overwrite
@options.as_json
@options.quiet
@click.pass_context
def batch(
    ctx: click.Context, /, scenes: tuple[str, ...], listed: Path | None, out: Path, dry_run: bool, as_json: bool,
    quiet: bool, **settings: Any,
) -> None:  # fmt: skip
    """Write the landslides of many SCENES, each into FOLDER, and one merged inventory, FOLDER/landslides.gpkg.

    SCENES are rasters, and folders that are searched for them. A scene that fails doesn't stop the others; the exit
    status is 1 then. The same command again does what is left: a scene is done again if it, the model or the
    settings have changed. Several processes, also of other machines that share the folder, may run
    the same command at once; no scene is done twice.

    Where scenes overlap, landslides are in the merged inventory more than once: the attribute "overlaps" marks
    them, and the last line counts them.

    \b
    landslide batch imagery/ -o results/ --min-area 100
    """
    if not scenes and listed is None:
        raise click.UsageError("name SCENES, or give them with --list FILE")
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli.batch.finding import find_scenes, read_list
        from landslide_cli.batch.planning import plan_batch
        from landslide_cli.batch.running import carry_out
        from landslide_cli.batch.tasks import ALSO

        named = [*scenes, *(read_list(listed) if listed else [])]
        found = find_scenes(named, recursive=settings.pop("recursive"), name_by=settings.pop("name_by"))
        view, rules, runtime = options.how(settings)
        also = [kind for kind in ALSO if settings.pop(kind)]
        plan = plan_batch(found, out, view=view, rules=rules, runtime=runtime, also=also, **settings)
        if dry_run:
            click.echo(as_machine_plan(plan) if as_json else as_plan(plan))
            return
        summary = carry_out(plan, command=command_line(), on_progress=on_progress)
    click.echo(as_machine_text(summary) if as_json else as_text(summary))
    if summary.failed:
        click.echo(as_failures(summary), err=True)
        ctx.exit(1)


def as_plan(plan: Batch) -> str:
    """One line for each scene, and one for all."""
    from landslide_cli.batch.planning import plan_line

    lines = [f"{plan.left.get(task.name) or 'done':<14}  {task.scene}" for task in plan.tasks]
    return "\n".join([*lines, plan_line(plan)])


def as_machine_plan(plan: Batch) -> str:
    """The same as JSON."""
    import json

    rows = [
        {
            "scene": task.scene,
            "out": str(task.outputs.inventory),
            "pixels": task.pixels,
            "left": plan.left.get(task.name),
        }
        for task in plan.tasks
    ]
    return json.dumps(rows)


def as_text(found: BatchSummary) -> str:
    """How many scenes and landslides, how much, and what to know of them."""
    total = len(found.scenes)
    if found.out is None:
        return f"0 of {total} scenes done; there is no inventory"
    lines = []
    if found.left_out:
        lines.append(
            f"not in it, for they have no coordinate reference system as the others do: {', '.join(found.left_out)}"
        )
    if found.overlapping:
        shared = "" if found.overlap_m2 is None else f", {found.overlap_m2 / 1e4:.2f} ha of them more than once"
        lines.append(f"{found.overlapping} landslides overlap one of another scene{shared}: see the attribute overlaps")
    outside = f" ({found.outside} outside of the area of interest)" if found.outside else ""
    size = "areas unknown without a CRS"
    if found.area_m2 is not None and found.analysed_m2 is not None:
        size = f"{found.area_m2 / 1e4:.2f} ha of {found.analysed_m2 / 1e4:.2f} ha analysed"
    slides = f"{found.landslides} landslide{'s' * (found.landslides != 1)}"
    return "\n".join([*lines, f"{found.out}: {found.done} of {total} scenes{outside}, {slides}, {size}"])


def as_failures(found: BatchSummary) -> str:
    """What failed and why, one line each, and what to do."""
    lines = [f"Failed: {row.scene}: {row.reason}" for row in found.scenes if row.state == "failed"]
    what = "it" if found.failed == 1 else "them"
    count = f"{found.failed} of {len(found.scenes)} scenes"
    return "\n".join(
        [
            *lines,
            f"Error: {count} failed; mend {what} and start the same command again: the others stay done",
        ]
    )
