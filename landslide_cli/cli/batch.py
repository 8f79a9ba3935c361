"""``landslide batch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.earlier import earlier
from landslide_cli.cli.merge import told
from landslide_cli.cli.settings import how
from landslide_cli.cli.summaries import as_machine_text, novelty
from landslide_cli.cli.talk import command_line
from landslide_cli.errors import counted, without_secrets

if TYPE_CHECKING:
    from landslide_cli.batch.ownership import Shard
    from landslide_cli.batch.planning import Batch
    from landslide_cli.batch.summary import BatchSummary
    from landslide_cli.batch.telling import BatchStatus


class ShardType(click.ParamType["Shard"]):
    """A share of the scenes, such as ``3/20``."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        from landslide_cli.batch.ownership import Shard
        from landslide_cli.errors import OptionError

        try:
            return value if isinstance(value, Shard) else Shard.parse(value)
        except OptionError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("scenes", nargs=-1)
@click.option("--list", "listed", type=options.PATH, metavar="FILE",
              help="Text file that names more scenes or folders, one in a line; or STAC items as JSON.")  # fmt: skip
@click.option("--asset", metavar="NAME",
              help="Asset of each STAC item that is the scene.  [default: visual, or the only raster]")  # fmt: skip
@options.out(required=True, metavar="FOLDER", help="Folder for the outputs; made if it isn't there.")
@click.option("--recursive", is_flag=True, help="Search the folders inside of folders as well.")
@click.option("--retries", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Try scenes that fail so many times again, after all others.")  # fmt: skip
@click.option("--shard", type=ShardType(), metavar="K/N",
              help="Do every N-th scene, beginning with the K-th, and don't merge; for a job array.")  # fmt: skip
@options.dry_run(help="Tell what there is to do and why, and do nothing.")
@click.option("--status", is_flag=True,
              help="Tell what became of the scenes of the last run, and do nothing; needs no SCENES.")  # fmt: skip
@options.each_probability(help="Also write each probability (0 to 1) as a GeoTIFF.")
@options.each_mask(help="Also write each mask (1 landslide, 0 not, 255 not analysed) as a GeoTIFF.")
@options.each_spread(help="Also write how far apart the views of --tta are (standard deviation) as a GeoTIFF.")
@options.stac(help="Also write a STAC item beside each inventory, named as it is but ending in .json.")
@options.threshold
@options.polygons
@earlier
@options.prediction
@options.running
@options.batch_overwrite
@options.config
@options.as_json
@options.quiet
@click.pass_context
def batch(
    ctx: click.Context, /, scenes: tuple[str, ...], listed: Path | None, asset: str | None, out: Path, retries: int,
    dry_run: bool, status: bool, as_json: bool, quiet: bool, **settings: Any,
) -> None:  # fmt: skip
    """Write the landslides of many SCENES, each into FOLDER, and one merged inventory, FOLDER/landslides.gpkg.

    SCENES are rasters, and folders that are searched for them. A scene that fails doesn't stop the others; the exit
    status is 1 then. The same command again does what is left: a scene is done again if it has failed, or if it, the
    model or the settings have changed. One run at a time writes into FOLDER, or one for each --shard.

    With --before, one raster shows the ground of all scenes, or a folder has one for each, under the same name.

    FOLDER/landslide.log has a line for each scene that was tried, FOLDER/failed.csv those that failed.

    Where scenes overlap, the merged inventory has one record for each landslide, as landslide merge makes it, and
    tells how many scenes saw it and how many looked there.

    \b
    landslide batch imagery/ -o results/ --min-area 100
    """
    if status:
        from landslide_cli.batch.telling import read_status

        standing = read_status(out)
        click.echo(as_machine_text(standing) if as_json else as_status(standing))
        return
    if not scenes and listed is None:
        raise click.UsageError("name SCENES, or give them with --list FILE")
    if asset is not None and listed is None:
        raise click.UsageError("--asset says which asset of the STAC items in --list FILE is the scene")
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli.batch.finding import find_scenes, read_list
        from landslide_cli.batch.ownership import Shard
        from landslide_cli.batch.planning import plan_batch
        from landslide_cli.batch.running import carry_out
        from landslide_cli.batch.tasks import ALSO

        named = [*scenes, *(read_list(listed, asset=asset) if listed else [])]
        found = find_scenes(named, recursive=settings.pop("recursive"))
        settings["shard"] = settings["shard"] or Shard()
        view, rules, runtime = how(settings)
        also = [kind for kind in ALSO if settings.pop(kind)]
        plan = plan_batch(found, out, view=view, rules=rules, runtime=runtime, also=also, **settings)
        if dry_run:
            click.echo(as_machine_plan(plan) if as_json else as_plan(plan))
            return
        summary = carry_out(plan, command=command_line(), on_progress=on_progress, retries=retries)
    click.echo(as_machine_text(summary) if as_json else as_text(plan, summary))
    if summary.failed:
        click.echo(as_failures(plan, summary), err=True)
        ctx.exit(1)


def as_plan(plan: Batch) -> str:
    """One line for each scene, and one for all."""
    from landslide_cli.batch.planning import plan_line

    lines = [f"{plan.left.get(task.name) or 'done':<14}  {without_secrets(task.scene)}" for task in plan.tasks]
    return "\n".join([*lines, plan_line(plan)])


def as_machine_plan(plan: Batch) -> str:
    """The same as JSON."""
    import json

    rows = [
        {
            "scene": without_secrets(task.scene),
            "out": str(task.outputs.inventory),
            "pixels": task.pixels,
            "left": plan.left.get(task.name),
        }
        for task in plan.tasks
    ]
    return json.dumps(rows)


def as_status(found: BatchStatus) -> str:
    """One line for each scene, and one for all."""
    lines = [f"{row.state:<7}  {row.scene}{f': {row.text}' if row.text else ''}" for row in found.scenes]
    counts = {"done": found.done, "outside": found.outside, "failed": found.failed, "left": found.left}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count or state != "outside")
    going = "; a run is going on" if found.running else ""
    return "\n".join([*lines, f"{found.out}: {counted(len(found.scenes), 'scene')}: {told}{going}"])


def as_text(plan: Batch, found: BatchSummary) -> str:
    """How many scenes and landslides, how much, and what to know of them."""
    total = counted(len(found.scenes), "scene")
    outside = f" ({found.outside} outside of the area of interest)" if found.outside else ""
    if not plan.shard.is_all:
        slides = counted(sum(row.landslides or 0 for row in found.scenes), "landslide")
        merging = f"landslide merge {plan.folder}/*.gpkg -o all.gpkg"
        return f"{plan.folder}: shard {plan.shard}: {found.done} of {total}{outside}, {slides}; after all: {merging}"
    if found.out is None:
        return f"0 of {total} done{outside}; there is no inventory"
    lines = []
    if found.left_out:
        lines.append(
            f"not in it, for they have no coordinate reference system as the others do: {', '.join(found.left_out)}"
        )
    lines += told(found)
    size = "areas unknown without a CRS"
    if found.area_m2 is not None and found.analysed_m2 is not None:
        size = f"{found.area_m2 / 1e4:.2f} ha of {found.analysed_m2 / 1e4:.2f} ha analysed"
    slides = counted(found.landslides, "landslide") + novelty(found)
    return "\n".join([*lines, f"{found.out}: {found.done} of {total}{outside}, {slides}, {size}"])


def as_failures(plan: Batch, found: BatchSummary) -> str:
    """What failed and why, one line each, and what to do."""
    from landslide_cli.batch.telling import FAILED

    lines = [f"Failed: {row.scene}: {row.text}" for row in found.scenes if row.state == "failed"]
    what = "it" if found.failed == 1 else "them"
    count = f"{found.failed} of {counted(len(found.scenes), 'scene')}"
    told = f"Error: {count} failed, see {plan.folder / FAILED}"
    return "\n".join([*lines, f"{told}; mend {what} and start the same command again: the others stay done"])
