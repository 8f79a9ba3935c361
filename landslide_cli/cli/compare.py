"""``landslide compare``."""

from __future__ import annotations

from pathlib import Path

import click

from landslide_cli.cli import options


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.data(required=True)
@click.option("-o", "--out", type=options.PATH, required=True, metavar="MD",
              help="Table to write, as Markdown.")  # fmt: skip
@click.option("--networks", metavar="NAMES", help="Networks, with commas between them.  [default: all]")
@options.run_dir(
    default=Path("runs/compare"), help="Checkpoints, logs and results; what is done there isn't done again."
)
@click.option("--bijie", is_flag=True, help="The chips are the paper's Bijie data: print its Table 2 beside.")
@options.overwrite
@options.quiet
def compare(
    recipe: Path,
    data: Path,
    out: Path,
    networks: str | None,
    run_dir: Path,
    bijie: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Train and judge networks by one RECIPE and write one table in the form of the paper's.

    Every network sees the same crops in the same order. Precision, recall and F1 are given for the pixels
    of all test chips pooled, and as means over the chips with landslide: papers mix the two.

    \b
    landslide compare recipe.toml --data imagery/ --networks unet,msasnet -o results.md
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet):
        from landslide_cli.files import refuse_unwritable, staged
        from landslide_cli.training.compare import as_markdown, every_network
        from landslide_cli.training.compare import compare as run
        from landslide_cli.training.recipe import read_recipe

        refuse_unwritable(out, overwrite=overwrite)
        names = networks.split(",") if networks else every_network()
        table = as_markdown(run(read_recipe(recipe), data, names, run_dir), same_data=bijie)
        with staged(out) as place:
            place.write_text(table)
    click.echo(table, nl=False)
