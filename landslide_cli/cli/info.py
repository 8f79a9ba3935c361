"""``landslide info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslide_cli.cli import options
from landslide_cli.cli.earlier import earlier
from landslide_cli.cli.settings import how
from landslide_cli.cli.summaries import as_machine_text

if TYPE_CHECKING:
    from landslide_cli.detection.preview import Preview


@click.command()
@click.argument("scene")
@options.out(help="Inventory that would be written; without it, outputs aren't looked at.")
@options.probability(help="Probability raster that would be written.")
@options.mask(help="Mask that would be written.")
@options.spread(help="Raster of the spread between views that would be written.")
@options.stac(help="Whether a STAC item would be written beside the inventory.")
@options.before_probability(help="Raster of the probability before that would be written.")
@options.dem
@options.min_slope
@earlier
@options.prediction
@click.option("--no-probe", "probe", flag_value=False, default=True,
              help="Don't ask the network about a few windows, and so don't tell time and memory.")  # fmt: skip
@options.overwrite
@options.config
@options.as_json
@options.quiet
@click.pass_context
def info(ctx: click.Context, /, scene: str, out: Path | None, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Tell what detect would do with SCENE: bands, validity, resolution, windows, time, memory.

    Takes what detect takes; nothing is written. Every reason for which detect would refuse is listed, as far as
    it can be known without reading all of SCENE, and the exit status is 1 then.

    \b
    landslide info scene.tif
    """
    from landslide_cli import Outputs, preview
    from landslide_cli.cli.talk import talking

    view, rules, runtime = how(settings)
    flags = {name: settings.pop(name) for name in ("overwrite", "probe")}
    outputs = None if out is None else Outputs(out, **settings)
    # What is noted while a run is prepared, the preview itself tells.
    with talking(quiet=quiet, notes=False) as on_progress:
        found = preview(scene, outputs, view=view, rules=rules, runtime=runtime, on_progress=on_progress, **flags)
    click.echo(as_machine_text(found) if as_json else as_text(found))
    ctx.exit(1 if found.refusals else 0)


def as_text(found: Preview) -> str:
    """A preview as lines of name and fact; what isn't known is left out."""
    lines = [found.scene]
    lines += [f"  {name:<12}{fact}" for name, fact in _facts(found) if fact]
    lines += [f"  warning     {text}" for text in found.warnings]
    lines += [f"  refused     {text}" for text in found.refusals] or ["  detect would run"]
    return "\n".join(lines)


def _facts(found: Preview) -> list[tuple[str, str]]:
    return [
        ("raster", _raster(found)),
        ("bands", _bands(found)),
        ("valid", "" if found.valid_share is None else f"about {found.valid_share:.0%} of the pixels"),
        (
            "range",
            "" if found.value_range is None else "{:g} to {:g} becomes black to white".format(*found.value_range),
        ),
        ("resolution", _resolution(found)),
        ("windows", _windows(found)),
        (
            "network",
            " on ".join(filter(None, (found.model, found.device)))
            + f", {found.precision}, by {found.engine}" * bool(found.device),
        ),
        ("time", "" if found.seconds is None else f"about {_duration(found.seconds)} once the network is loaded"),
        ("memory", "" if found.memory_bytes is None else f"up to {_size(found.memory_bytes)}"),
        ("rasters", "" if found.raster_bytes is None else f"up to {_size(found.raster_bytes)} each, if asked for"),
    ]


def _raster(found: Preview) -> str:
    if found.size is None:
        return ""
    pixels = f", {found.resolution_m:.3g} m pixels" if found.resolution_m else ""
    return f"{found.driver}, {found.size[0]} x {found.size[1]}, {found.dtype}, {found.crs or 'no CRS'}{pixels}"


def _bands(found: Preview) -> str:
    if found.bands is None:
        return ""
    used = ", ".join(f"{name} {number}" for name, number in found.bands.items())
    return used + (f"; not used: {', '.join(map(str, found.unused))}" if found.unused else "")


def _resolution(found: Preview) -> str:
    if found.trained_m is None or found.working_m is None:
        return ""
    low, high = found.trained_m
    return f"the network sees {found.working_m:.3g} m (trained for {low:g} to {high:g} m)"


def _windows(found: Preview) -> str:
    if found.windows is None or found.window_px is None:
        return ""
    height, width = found.window_px
    return f"{found.windows} of {width} x {height} pixels"


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
