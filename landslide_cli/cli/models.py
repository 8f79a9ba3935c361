"""``landslide models`` and ``landslide models show``."""

from __future__ import annotations

import click

from landslide_cli.cli import options


@click.group(invoke_without_command=True)
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


def _json(cards: object) -> str:
    """Cards as one JSON value."""
    import json
    from dataclasses import asdict

    entries = [asdict(card) for card in cards] if isinstance(cards, list) else asdict(cards)  # type: ignore[call-overload]
    return json.dumps(entries, ensure_ascii=False)
