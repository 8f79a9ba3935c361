"""What decides a training on the command line: a recipe, or folders of chips and a protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landslide_cli.cli import options

if TYPE_CHECKING:
    from landslide_cli.training.recipe import Recipe

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# Options that only go with --chips, and the wishes that they are.
WISHES = {
    "network": "network",
    "protocol": "protocol",
    "seed": "seed",
    "steps": "steps",
    "epochs": "epochs",
    "resolution": "resolution_m",
    "scale": "scale",
    "start": "start",
    "encoder": "encoder",
}

_SHARED = (
    click.argument("recipe", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    options.data(),
    options.chips(help="Folder of chips to train on without a recipe; may be given several times."),
    click.option("--protocol", type=click.Choice(["default", "paper"]), default="default", show_default=True,
                 help="With --chips: ours, or the one of the MsASNet paper."),
    options.seed(default=0, help="With --chips: decides everything random."),
    click.option("--steps", type=click.IntRange(min=1), metavar="N",
                 help="With --chips: optimizer steps.  [default: 4000; paper: 200 epochs]"),
    click.option("--epochs", type=click.FloatRange(min=0, min_open=True), metavar="N",
                 help="With --chips: how often each chip is seen (about), instead of --steps."),
    options.chip_resolution,
    options.chip_scale,
)  # fmt: skip


def recipe_or_chips(command: Decorated) -> Decorated:
    """Add the argument RECIPE and the options that stand for one."""
    for decorate in reversed(_SHARED):
        command = decorate(command)
    return command


def chosen_recipe(given: dict[str, Any], model_id: str) -> tuple[Recipe, Path]:
    """Read the recipe, or make one for the folders of chips.

    Returns:
        ``(recipe, data)``: with the folder that the recipe's sources lie in.
    """
    from landslide_cli.training.defaults import Wish, make_recipe
    from landslide_cli.training.recipe import read_recipe

    if given["recipe"]:
        return read_recipe(given["recipe"]), given["data"]
    wishes = {wish: given[name] for name, wish in WISHES.items() if name in given}
    return make_recipe(model_id, given["chips"], Wish(**wishes)), Path()


def refuse_mixtures(context: click.Context, given: dict[str, Any]) -> None:
    """A recipe decides everything, so what only goes with --chips is wrong usage beside it."""
    recipe, data, chips = given["recipe"], given["data"], given["chips"]
    if (recipe is None) == (not chips):
        raise click.UsageError("give a RECIPE or folders of --chips, one of the two")
    if recipe and not data:
        raise click.UsageError("a RECIPE needs --data, the folder that its sources lie in")
    if chips and data:
        raise click.UsageError("--data goes with a RECIPE; --chips names the folders itself")
    default = click.core.ParameterSource.DEFAULT
    named = [name for name in WISHES if name in given and context.get_parameter_source(name) != default]
    if recipe and named:
        raise click.UsageError(f"--{named[0]} goes with --chips; beside a RECIPE, write it there")
    if "start" in named and given["protocol"] == "paper":
        raise click.UsageError("--protocol paper begins with random weights; leave --start out")
    if "start" in named and "encoder" in named:
        raise click.UsageError("give --start, for all weights, or --encoder, for some of them")
    if "steps" in named and "epochs" in named:
        raise click.UsageError("give --steps or --epochs, one of the two")
