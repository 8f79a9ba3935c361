"""``landslide train``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options

WISHES = ("network", "protocol", "seed", "steps", "epochs", "resolution", "scale", "start")


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.data()
@click.option("--chips", type=options.PATH, multiple=True, metavar="FOLDER",
              help="Folder of chips to train on without a recipe; may be given several times.")  # fmt: skip
@click.option("-o", "--out", type=options.PATH, required=True, metavar="FILE",
              help="Weights to write (.safetensors); the card goes beside them.")  # fmt: skip
@options.network
@click.option("--protocol", type=click.Choice(["default", "paper"]), default="default", show_default=True,
              help="With --chips: ours, or the one of the MsASNet paper.")  # fmt: skip
@options.seed(default=0, help="With --chips: decides everything random.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N",
              help="With --chips: optimizer steps.  [default: 4000; paper: 200 epochs]")  # fmt: skip
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), metavar="N",
              help="With --chips: how often each chip is seen (about), instead of --steps.")  # fmt: skip
@options.chip_resolution
@options.chip_scale
@click.option("--start", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="With --chips: weights (.safetensors with their card) to start from, for fine-tuning.")  # fmt: skip
@options.run_dir(
    default=Path("runs/train"), help="Checkpoints, logs and pictures; a training that was stopped goes on from here."
)
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Processes that prepare batches; worth it beside a GPU.")  # fmt: skip
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="GPUs that share each batch; without a GPU, processes.")  # fmt: skip
@click.option("--logger", type=click.Choice(["csv", "tensorboard"]), default="csv", show_default=True,
              help="How losses and scores are logged; tensorboard needs its package.")  # fmt: skip
@click.option("--validate-every", type=click.IntRange(min=2), default=300, show_default=True, metavar="STEPS",
              help="Steps between validations.")  # fmt: skip
@click.option("--save-every", type=click.IntRange(min=1), default=100, show_default=True, metavar="STEPS",
              help="Steps between checkpoints.")  # fmt: skip
@click.option("--cache", type=click.IntRange(min=0), default=1024, show_default=True, metavar="MB",
              help="Memory for decoded chips.")  # fmt: skip
@options.overwrite
@options.quiet
@click.pass_context
def train(
    context: click.Context,
    /,
    recipe: Path | None,
    data: Path | None,
    chips: tuple[Path, ...],
    out: Path,
    run_dir: Path,
    overwrite: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Train a network by RECIPE (TOML), or on folders of chips, and write its weights and model card.

    The recipe names the network, the sources of chips with their licences, the groups held out for
    validation and test, and the steps. Threshold and metrics in the card are measured after training on
    the held-out groups, as `landslide detect` would see them. On a CPU count in hours.

    Instead of a recipe, --chips takes folders with image/ and mask/, folders of images without landslide,
    or the folder of the Bijie data set. Groups of groups.csv are held out as a whole; without it, single chips.

    \b
    landslide train weights/msasnet-rgb.toml --data imagery/ -o my.safetensors
    landslide train --chips chips/ -o my.safetensors
    landslide train --chips Bijie-landslide-dataset --resolution 0.8 --protocol paper -o paper.safetensors
    """
    _refuse_mixtures(context, recipe, data, chips)
    from landslide_cli.cli.talk import talking
    from landslide_cli.extras import need

    need("lightning", extra="train", purpose="landslide train")
    with talking(quiet=quiet) as on_progress:
        from landslide_cli.training.defaults import Wish, make_recipe
        from landslide_cli.training.fit import Settings
        from landslide_cli.training.recipe import read_recipe
        from landslide_cli.training.train import train as run

        # What Lightning would tell of devices and checkpoints, our own lines tell.
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR if quiet else logging.WARNING)
        wish = Wish(
            network=given["network"], protocol=given["protocol"], seed=given["seed"], steps=given["steps"],
            epochs=given["epochs"], resolution_m=given["resolution"], scale=given["scale"], start=given["start"],
        )  # fmt: skip
        settings = Settings(
            every=given["validate_every"], save_every=given["save_every"], workers=given["workers"],
            devices=given["devices"], log_format=given["logger"], cache=given["cache"] << 20,
        )  # fmt: skip
        card = run(
            read_recipe(recipe) if recipe else make_recipe(out.stem, chips, wish),
            data or Path(),
            out, run_dir=run_dir, settings=settings, overwrite=overwrite, on_step=on_progress,
        )  # fmt: skip
    click.echo(f"{out}: {card.model_id}, threshold {card.threshold:.2f}, {card.metrics}")


def _refuse_mixtures(context: click.Context, recipe: Path | None, data: Path | None, chips: tuple[Path, ...]) -> None:
    """A recipe decides everything, so what only goes with --chips is wrong usage beside it."""
    if (recipe is None) == (not chips):
        raise click.UsageError("give a RECIPE or folders of --chips, one of the two")
    if recipe and not data:
        raise click.UsageError("a RECIPE needs --data, the folder that its sources lie in")
    if chips and data:
        raise click.UsageError("--data goes with a RECIPE; --chips names the folders itself")
    given = [name for name in WISHES if context.get_parameter_source(name) != click.core.ParameterSource.DEFAULT]
    if recipe and given:
        raise click.UsageError(f"--{given[0]} goes with --chips; beside a RECIPE, write it there")
    if "steps" in given and "epochs" in given:
        raise click.UsageError("give --steps or --epochs, one of the two")
