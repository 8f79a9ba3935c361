"""``landslide compare``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options, recipes
from landslide_cli.cli.values import Numbers


@click.command()
@recipes.recipe_or_chips
@click.option("-o", "--out", type=options.PATH, required=True, metavar="MD",
              help="Table to write, as Markdown.")  # fmt: skip
@click.option("--networks", metavar="NAMES", help="Networks, with commas between them.  [default: all]")
@click.option(
    "--places",
    is_flag=True,
    help="Leave each place that the RECIPE names out of training in turn, and judge its own network there.",
)
@click.option("--seen", type=Numbers(float, 2), multiple=True, metavar="LO,HI",
              help="With --places: finest and coarsest metres per pixel to judge at; given several times, the best is "
                   "chosen.  [default: the recipe's]")  # fmt: skip
@options.run_dir(
    default=Path("runs/compare"), help="Checkpoints, logs and results; what is done there isn't done again."
)
@click.option("--bijie", is_flag=True, help="The chips are the paper's Bijie data: print its Table 2 beside.")
@options.overwrite
@options.quiet
@click.pass_context
def compare(
    context: click.Context,
    /,
    out: Path,
    networks: str | None,
    places: bool,
    seen: tuple[tuple[float, float], ...],
    run_dir: Path,
    bijie: bool,
    overwrite: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Train and judge networks by one RECIPE, or on folders of chips, and write one table like the paper's.

    Every network sees the same crops in the same order. Precision, recall and F1 are given for the pixels
    of all test chips pooled, and as means over the chips with landslide: papers mix the two.

    \b
    landslide compare recipe.toml --data imagery/ --networks unet,msasnet -o results.md
    landslide compare --chips Bijie-landslide-dataset --resolution 0.8 --protocol paper --bijie -o results.md
    landslide compare recipe.toml --data imagery/ --places --seen 2.4,7 --seen 1.6,10 -o places.md
    """
    if seen and not places:
        raise click.UsageError("--seen goes with --places")
    if places and (networks or bijie):
        raise click.UsageError("--places judges the recipe's own network; leave --networks and --bijie out")
    recipes.refuse_mixtures(context, given)
    from landslide_cli.cli.talk import talking
    from landslide_cli.extras import need

    need("lightning", extra="train", purpose="landslide compare")
    with talking(quiet=quiet) as on_progress:
        from landslide_cli.files import refuse_unwritable, staged
        from landslide_cli.training.compare import as_markdown, every_network
        from landslide_cli.training.compare import compare as run

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR if quiet else logging.WARNING)
        refuse_unwritable(out, overwrite=overwrite)
        recipe, data = recipes.chosen_recipe(given, "compare")
        if places:
            from landslide_cli.training import places as left_out

            answers = left_out.leave_out(recipe, data, run_dir, ranges=seen, on_step=on_progress)
            table = left_out.as_markdown(answers, left_out.choose(answers))
        else:
            names = networks.split(",") if networks else every_network()
            table = as_markdown(run(recipe, data, names, run_dir, on_step=on_progress), same_data=bijie)
        with staged(out) as place:
            place.write_text(table)
    click.echo(table, nl=False)
