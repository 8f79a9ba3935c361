"""``landslide evaluate``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from landslide_cli.cli import options
from landslide_cli.cli.values import Words

OF_CHIPS = ("model", "threshold", "groups", "pixel_size", "resolution_m", "engine", "device", "precision", "tta")
OF_INVENTORIES = ("scene", "probability")


@click.command()
@click.argument("predictions", type=options.PATH, nargs=-1, required=True, metavar="CHIPS...|INVENTORY")
@options.model
@options.threshold
@click.option("--groups", type=Words(), default=(), metavar="PATTERNS",
              help="Only chips of these groups, such as 'ny,nls-1*'.  [default: all]")  # fmt: skip
@options.pixel_size
@options.resolution
@options.engine
@options.device
@options.precision
@options.tta
@click.option("--reference", type=options.PATH, metavar="FILE",
              help="True landslides to judge INVENTORY by, in any vector format and CRS.")  # fmt: skip
@options.scene(help="The raster that INVENTORY and the reference belong to.")
@options.probability(help="What detect --probability wrote for the scene, for calibration and curves.")
@click.option("--tolerance", type=click.FloatRange(min=0), default=3, show_default=True, metavar="PIXELS",
              help="How far an outline may lie off and still be right.")  # fmt: skip
@click.option("--plot", type=options.PATH, metavar="PNG",
              help="Also draw precision against recall and the reliability diagram (.png, .svg or .pdf).")  # fmt: skip
@options.overwrite
@options.as_json
@options.quiet
@click.pass_context
def evaluate(
    ctx: click.Context, /, plot: Path | None, overwrite: bool, as_json: bool, quiet: bool, **given: Any
) -> None:
    """Print how good a model is on chips, or an inventory against a reference.

    CHIPS are folders with image/ and mask/, or of images without landslide. They are predicted as detect
    would. INVENTORY is what detect wrote, or anyone's polygons; only what was analysed counts.

    Precision, recall, F1 and IoU come pooled over all pixels and as the mean over images: published tables
    mix the two, and they can differ widely. docs/evaluation.md defines every number.

    \b
    landslide evaluate chips/slides chips/others --pixel-size 0.8
    landslide evaluate slides.gpkg --reference truth.gpkg --scene scene.tif --probability prob.tif
    """
    import json

    from landslide_cli.cli.talk import talking

    polygons = given["reference"] is not None
    _refuse_strangers(ctx, OF_CHIPS if polygons else OF_INVENTORIES, "INVENTORY" if polygons else "CHIPS")
    call = _call_for_inventory(given, plot) if polygons else _call_for_chips(given)
    with talking(quiet=quiet) as on_progress:
        from landslide_cli.evaluation import chips, curves, inventories
        from landslide_cli.evaluation import text as report

        if plot:
            curves.refuse_plot(plot, overwrite=overwrite)
        if polygons:
            evaluation = inventories.evaluate_inventory(**call, on_progress=on_progress)
        else:
            evaluation = chips.evaluate_chips(**call, on_progress=on_progress)
        if plot:
            curves.draw_curves(evaluation, plot)
    click.echo(json.dumps(report.as_numbers(evaluation)) if as_json else report.as_text(evaluation))


def _refuse_strangers(ctx: click.Context, names: Iterable[str], judged: str) -> None:
    """Options of the other use are a mistake, not to be passed over in silence."""
    for parameter in ctx.command.params:
        if parameter.name in names and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} says nothing of {judged}; leave it out", ctx)


def _call_for_chips(given: dict[str, Any]) -> dict[str, Any]:
    folders = given["predictions"]
    if any(folder.is_file() for folder in folders):
        raise click.UsageError("a file is judged with --reference and --scene; chips are folders")
    from landslide_cli import Runtime

    names = ("threshold", "groups", "pixel_size", "resolution_m", "tolerance")
    return {"folders": folders, "runtime": options.taken(Runtime, given)} | {name: given[name] for name in names}


def _call_for_inventory(given: dict[str, Any], plot: Path | None) -> dict[str, Any]:
    if len(given["predictions"]) != 1 or given["scene"] is None:
        raise click.UsageError("--reference needs one INVENTORY and its --scene")
    if plot and given["probability"] is None:
        raise click.UsageError("--plot of an inventory needs --probability: polygons alone have no curves")
    names = ("reference", "tolerance", *OF_INVENTORIES)
    return {"inventory": given["predictions"][0]} | {name: given[name] for name in names}
