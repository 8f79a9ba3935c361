"""``landslide train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options, recipes


@click.command()
@recipes.recipe_or_chips
@click.option("-o", "--out", type=options.PATH, required=True, metavar="FILE",
              help="Weights to write (.safetensors); the card goes beside them.")  # fmt: skip
@options.network
@click.option("--start", metavar="ID|FILE",
              help="With --chips: installed model, or weights (.safetensors with their card), to teach further; "
              "network, resolution, licence and known failures are taken from its card.")  # fmt: skip
@click.option("--encoder", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="With --chips: VGG-16-BN (.pth or .safetensors, as torchvision or CRAFT lay it out) whose layers "
              "the network's encoder takes over; or the encoder.safetensors of a run that did.")  # fmt: skip
@options.run_dir(
    default=Path("runs/train"), help="Checkpoints, logs and pictures; a training that was stopped goes on from here."
)
@options.workers(type=click.IntRange(min=0), default=0, show_default=True,
              help="Processes that prepare batches; worth it beside a GPU.")  # fmt: skip
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="GPUs that share each batch; without a GPU, processes.")  # fmt: skip
@click.option("--logger", type=click.Choice(["csv", "tensorboard"]), default="csv", show_default=True,
              help="How losses and scores are logged; tensorboard needs its package.")  # fmt: skip
@click.option("--validate-every", type=click.IntRange(min=2), metavar="STEPS",
              help="Steps between validations.  [default: a twelfth of all steps, 300 at most]")  # fmt: skip
@click.option("--save-every", type=click.IntRange(min=1), default=100, show_default=True, metavar="STEPS",
              help="Steps between checkpoints.")  # fmt: skip
@click.option("--cache", type=click.IntRange(min=0), default=1024, show_default=True, metavar="MB",
              help="Memory for decoded chips.")  # fmt: skip
@options.overwrite
@options.quiet
@click.pass_context
def train(context: click.Context, /, out: Path, run_dir: Path, overwrite: bool, quiet: bool, **given: Any) -> None:
    """Train a network by RECIPE (TOML), or on folders of chips, and write its weights and model card.

    The recipe names the network, the sources of chips with their licences, the groups held out for
    validation and test, and the steps. Threshold and metrics in the card are measured after training on
    the held-out groups, as `landslide detect` would see them. On a CPU count in hours.

    Instead of a recipe, --chips takes folders with image/ and mask/, folders of images without landslide,
    or the folder of the Bijie data set. Groups of groups.csv are held out as a whole; without it, single chips.

    \b
    landslide train weights/msasnet-rgb.toml --data imagery/ -o my.safetensors
    landslide train --chips chips/ -o my.safetensors
    landslide train --chips chips/ --start msasnet-rgb -o taught.safetensors
    landslide train --chips Bijie-landslide-dataset --resolution 0.8 --protocol paper -o paper.safetensors
    """
    recipes.refuse_mixtures(context, given)
    from landslide_cli.cli import card_text
    from landslide_cli.cli.talk import talking
    from landslide_cli.extras import need

    need("lightning", extra="train", purpose="landslide train")
    with talking(quiet=quiet) as on_progress:
        from landslide_cli.training.fit import Settings
        from landslide_cli.training.train import train as run

        settings = Settings(
            every=given["validate_every"] or 0, save_every=given["save_every"], workers=given["workers"],
            devices=given["devices"], log_format=given["logger"], cache=given["cache"] << 20,
        )  # fmt: skip
        recipe, data = recipes.chosen_recipe(given, out.stem)
        card = run(recipe, data, out, run_dir=run_dir, settings=settings, overwrite=overwrite, on_step=on_progress)
    click.echo(card_text.trained(card, str(out)))
