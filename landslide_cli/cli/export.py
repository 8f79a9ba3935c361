"""``landslide export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options
from landslide_cli.errors import counted


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
@click.option("--int8", is_flag=True,
              help="With --format openvino: quantize by --chips and measure what that costs in F1.")  # fmt: skip
@options.chips(help="With --int8: folder of chips, as evaluate takes them; may be given several times.")
@options.pixel_size
@options.overwrite
@options.quiet
def export(
    model: str, kind: str, out: Path | None, int8: bool, chips: tuple[Path, ...], pixel_size: tuple[float, ...],
    overwrite: bool, quiet: bool,
) -> None:  # fmt: skip
    """Write a model as one file for other programs.

    The file takes normalised pixels (N, bands, 512, 512) and gives probabilities (N, 1, 512, 512); one for
    OpenVINO takes all sides that 32 divides. It is run on random pixels and compared with torch before it gets its
    name. It holds the network alone: windows, blending, nodata and polygons are the work of the program that reads it.

    An OpenVINO model is also what --model of detect and evaluate takes. With --int8 chips of the model's validation
    groups judge it, those of its test groups aren't looked at, and all others quantize it. Beside the weights, as
    ID.int8.xml, it is what --precision int8 takes, and auto as well where it costs less than half a point of F1.

    \b
    landslide export msasnet-rgb --format onnx -o msasnet-rgb.onnx
    landslide export msasnet-rgb --format openvino --int8 --chips bijie/landslide --chips bijie/non-landslide
    """
    if int8:
        if kind != "openvino" or not chips:
            raise click.UsageError("--int8 needs --format openvino and --chips FOLDER")
        click.echo(_int8(model, chips, out, pixel_size=pixel_size, overwrite=overwrite, quiet=quiet))
        return
    if chips or pixel_size:
        raise click.UsageError("--chips and --pixel-size need --int8")
    from landslide_cli.export import export_model

    done = export_model(model, kind, out, overwrite=overwrite)
    click.echo(
        f"{done.path}: {done.model} as {kind}, {done.file_bytes / 1e6:.1f} MB, "
        f"within {done.difference:.1e} of torch in probability"
    )


def _int8(model: str, chips: tuple[Path, ...], out: Path | None, *, quiet: bool, **settings: Any) -> str:
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli.export.quantize import export_int8

        done = export_int8(model, chips, out, on_progress=on_progress, **settings)
    what = f"{done.path}: {done.model} in int8, quantized by {counted(done.windows, 'window')}"
    if done.f1 is None:
        return f"{what}; no chip is of the model's validation groups, so what it costs isn't known"
    return f"{what}; F1 {done.f1:.4f} on {counted(done.judged, 'validation chip')}, float32 {done.f1_float32:.4f}"
