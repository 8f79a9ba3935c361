"""``landslide models`` and ``landslide models show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.groups import Group
from landslide_cli.cli.settings import taken
from landslide_cli.cli.values import Words


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List the models that are installed: id, network, metres per pixel, F1, licence.

    F1 is the pooled one of the test sites in the model card; it says nothing of places that are unlike them.

    \b
    landslide models
    landslide models show msasnet-rgb
    """
    ctx.obj = as_json  # `landslide models --json show ID` means the same as `landslide models show ID --json`
    if ctx.invoked_subcommand is not None:
        return
    from landslide_cli.cli.card_text import listed
    from landslide_cli.model.card import read_card
    from landslide_cli.model.weights import installed_weights, weights_folder

    cards = [read_card(path.with_suffix(".json")) for path in installed_weights()]
    if as_json:
        click.echo(_json(cards))
    elif cards:
        click.echo(listed(cards))
    else:
        click.echo(
            f"No model is installed in {weights_folder()}. Weights of your own are named by their file: "
            "landslide detect scene.tif -o slides.gpkg --model my.safetensors",
            err=True,
        )


@models.command()
@click.argument("model", metavar="ID|FILE")
@options.as_json
@click.pass_obj
def show(before: bool, model: str, as_json: bool) -> None:
    """Print the card of a model: needs, training, scores and failures.

    ID|FILE is an installed model, or a .safetensors file with its card beside it. The weights aren't read.

    \b
    landslide models show my.safetensors
    """
    from landslide_cli.cli.card_text import shown
    from landslide_cli.model.weights import find_model

    weights, card = find_model(model)
    click.echo(_json(card) if as_json or before else shown(card, where=str(weights)))


@models.command()
@click.argument("model", metavar="ID|FILE")
@click.argument("folders", type=options.PATH, nargs=-1, required=True, metavar="CHIPS...")
@options.groups(help="Chips of these groups choose, such as 'ny,nls-1*'.  [default: all]")
@click.option(
    "--judge", "judging", type=Words(), default=(), metavar="PATTERNS",
    help="Groups on which is counted how often each class is right.  [default: those that choose]",
)  # fmt: skip
@options.pixel_size
@options.engine
@options.device
@options.precision
@options.dry_run(help="Leave the card as it is.")
@options.quiet
def confidence(model: str, folders: tuple[Path, ...], dry_run: bool, quiet: bool, **given: Any) -> None:
    """Choose the classes of confidence of a model on chips, and write them into its card.

    A landslide is of high, medium or low confidence by its probability and area, so that at least four of
    five high ones and one of two medium ones are right: half or more of them on a landslide of the truth.
    Choose on imagery that the weights were not trained on.

    \b
    landslide models confidence my.safetensors chips/slides chips/others --pixel-size 0.8 --groups ny
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import Runtime
        from landslide_cli.evaluation.confidence import confidence_of
        from landslide_cli.inventory.confidence import CONFIDENCES, Confidence
        from landslide_cli.model.weights import write_confidence

        runtime = taken(Runtime, given | {"model": model})
        given = {name: given[name] for name in ("groups", "judging", "pixel_size")}
        entry = confidence_of(folders, runtime=runtime, on_progress=on_progress, **given)
        classes = Confidence.of(entry)
        card = None if dry_run else write_confidence(model, entry)
    for name in CONFIDENCES:
        count = (entry[name] or {}).get("landslides", 0)
        click.echo(f"{name}: {classes.says(name)} ({count} polygons)")
    if card:
        click.echo(f"{card}: written")


def _json(cards: object) -> str:
    """Cards as one JSON value."""
    import json
    from dataclasses import asdict

    entries = [asdict(card) for card in cards] if isinstance(cards, list) else asdict(cards)  # type: ignore[call-overload]
    return json.dumps(entries, ensure_ascii=False)
