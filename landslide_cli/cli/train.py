"""``landslide train``."""

from __future__ import annotations

from pathlib import Path

import click

from landslide_cli.cli import options


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--data", type=options.PATH, required=True, metavar="FOLDER", help="Folder that the recipe's sources lie in."
)
@click.option("-o", "--out", type=options.PATH, required=True, metavar="FILE",
              help="Weights to write (.safetensors); the card goes beside them.")  # fmt: skip
@click.option("--run-dir", type=options.PATH, default=Path("runs/train"), show_default=True, metavar="FOLDER",
              help="Checkpoints and logs; a training that was stopped goes on from here.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
              help="Processes that prepare batches; worth it beside a GPU.")  # fmt: skip
@options.overwrite
def train(recipe: Path, data: Path, out: Path, run_dir: Path, workers: int, overwrite: bool) -> None:
    """Train a network by RECIPE (TOML) and write its weights and model card.

    The recipe names the network, the sources of chips with their licences, the groups held out for
    validation and test, and the steps. Threshold and metrics in the card are measured after training on
    the held-out groups, as `landslide detect` would see them. On a CPU count in hours.

    \b
    landslide train weights/msasnet-rgb.toml --data imagery/ -o my.safetensors
    """
    from landslide_cli.training.train import train as run

    card = run(recipe, data, out, run_dir=run_dir, workers=workers, overwrite=overwrite)
    click.echo(f"{out}: {card.model_id}, threshold {card.threshold:.2f}, {card.metrics}")
