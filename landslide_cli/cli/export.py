"""``landslide export``."""

from __future__ import annotations

from pathlib import Path

import click

from landslide_cli.cli import options


@click.command()
@click.argument("model", metavar="ID|FILE")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["onnx", "pt2", "openvino"]),
    default="onnx",
    show_default=True,
    help="onnx for QGIS (Deepness) and most programs, pt2 for torch, openvino for Intel's runtime.",
)
@click.option(
    "-o",
    "--out",
    type=options.PATH,
    metavar="FILE",
    help="File to write: .onnx, .pt2, or .xml with a .bin beside it.  [default: the model's id, here]",
)
@options.overwrite
def export(model: str, kind: str, out: Path | None, overwrite: bool) -> None:
    """Write a model as one file for other programs.

    The file takes normalised pixels (N, bands, 512, 512) and gives probabilities (N, 1, 512, 512). It is run on random
    pixels and compared with torch before it gets its name. It holds the network alone: windows, blending,
    nodata and polygons are the work of the program that reads it.

    \b
    landslide export msasnet-rgb --format onnx -o msasnet-rgb.onnx
    """
    from landslide_cli.export import export_model

    done = export_model(model, kind, out, overwrite=overwrite)
    size = done.path.stat().st_size / 1e6
    click.echo(
        f"{done.path}: {done.model} as {kind}, {size:.1f} MB, within {done.difference:.1e} of torch in probability"
    )
