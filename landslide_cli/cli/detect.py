"""``landslide detect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options

if TYPE_CHECKING:
    from landslide_cli.detection import Summary


@click.command()
@click.argument("scene")
@click.option("-o", "--out", type=options.PATH, required=True, metavar="FILE",
              help="Inventory to write; its ending chooses the format: .gpkg, .shp, .geojson or .fgb.")  # fmt: skip
@options.probability(help="Also write the probability (0 to 1) as a GeoTIFF.")
@click.option("--mask", type=options.PATH, metavar="TIF",
              help="Also write the mask (1 landslide, 0 not, 255 not analysed) as a GeoTIFF.")  # fmt: skip
@click.option("--spread", type=options.PATH, metavar="TIF",
              help="Also write how far apart the views of --tta are (standard deviation) as a GeoTIFF.")  # fmt: skip
@options.threshold
@options.min_area
@options.fill_holes
@options.simplify
@options.connectivity
@options.aoi
@options.bbox
@options.bands
@options.scale
@options.resolution
@options.model
@options.overlap
@options.batch_size
@options.device
@options.precision
@options.tta
@options.overwrite
@options.as_json
@options.quiet
def detect(scene: str, out: Path, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Write the landslides of SCENE as polygons, measured, in the scene's own CRS.

    SCENE is a GeoTIFF or any other raster that GDAL reads, of any size. A GeoPackage also holds the
    layer "analysed": where the network has looked, and so where the absence of polygons means something.

    Bare earth of other origin (quarries, building sites, river banks, ploughed fields) is the usual
    false alarm: look at each polygon before you act on it.

    \b
    landslide detect scene.tif -o slides.gpkg --min-area 100 --probability prob.tif
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli.detection import detect as run

        summary = run(scene, out, on_progress=on_progress, **settings)
    click.echo(as_machine_text(summary) if as_json else as_text(summary))


def as_machine_text(summary: Summary) -> str:
    """The summary as one JSON object."""
    import json
    from dataclasses import asdict

    return json.dumps(asdict(summary))


def as_text(summary: Summary) -> str:
    """The summary as a person reads it: how many, how much, where."""
    count = f"{summary.landslides} landslide{'s' * (summary.landslides != 1)}"
    if summary.area_m2 is None or summary.analysed_m2 is None:
        size = f"{summary.analysed_share:.0%} of the scene analysed, areas unknown without a CRS"
    else:
        size = f"{summary.area_m2 / 1e4:.2f} ha of {summary.analysed_m2 / 1e4:.2f} ha analysed"
    place = ""
    if summary.bounds:
        west, south, east, north = summary.bounds
        place = f", {_degrees(south, north, 'SN')}, {_degrees(west, east, 'WE')}"
    return f"{summary.out}: {count}, {size}{place}"


def _degrees(low: float, high: float, sides: str) -> str:
    return " to ".join(f"{abs(value):.4f}°{sides[value >= 0]}" for value in (low, high))
