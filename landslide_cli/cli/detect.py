"""``landslide detect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.earlier import earlier
from landslide_cli.cli.settings import how
from landslide_cli.cli.summaries import as_machine_text, as_text
from landslide_cli.cli.talk import command_line


@click.command()
@click.argument("scene")
@options.inventory(required=True)
@options.probability(help="Also write the probability (0 to 1) as a GeoTIFF.")
@options.mask(help="Also write the mask (1 landslide, 0 not, 255 not analysed) as a GeoTIFF.")
@options.before_probability(help="Also write the probability of --before, on its own grid, as a GeoTIFF.")
@options.spread(help="Also write how far apart the views of --tta are (standard deviation) as a GeoTIFF.")
@options.stac(help="Also write a STAC item beside the inventory, named as it is but ending in .json.")
@options.threshold
@options.polygons
@earlier
@options.prediction
@options.running
@options.overwrite
@options.config
@options.as_json
@options.quiet
def detect(scene: str, out: Path, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Write the landslides of SCENE as polygons, measured, in the scene's own CRS.

    SCENE is a GeoTIFF or any other raster that GDAL reads, of any size. A GeoPackage also holds the
    layers "analysed", where the network has looked and so where the absence of polygons means something,
    and "runs", how the file was made.

    Bare earth of other origin (quarries, building sites, river banks, ploughed fields) is the usual
    false alarm: look at each polygon before you act on it. With --dem and --min-slope the flat ones go.

    \b
    landslide detect scene.tif -o slides.gpkg --min-area 100 --probability prob.tif
    """
    from landslide_cli.cli.talk import talking

    with talking(quiet=quiet) as on_progress:
        from landslide_cli import Outputs
        from landslide_cli import detect as run

        view, rules, runtime = how(settings)
        overwrite = settings.pop("overwrite")
        outputs = Outputs(out, **settings, command=command_line())
        summary = run(
            scene, outputs, view=view, rules=rules, runtime=runtime, overwrite=overwrite, on_progress=on_progress
        )
    click.echo(as_machine_text(summary) if as_json else as_text(summary))
