"""Options and arguments that commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from landslide_cli.cli.values import NodataType, Numbers, Words

if TYPE_CHECKING:
    pass

Value = TypeVar("Value")
Option = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path(path_type=Path)

# What several commands have, each with its own words for it.
scene = partial(click.option, "--scene", metavar="SCENE")
probability = partial(click.option, "--probability", type=PATH, metavar="TIF")
mask = partial(click.option, "--mask", type=PATH, metavar="TIF")
spread = partial(click.option, "--spread", type=PATH, metavar="TIF")
before_probability = partial(click.option, "--before-probability", type=PATH, metavar="TIF")
# The same as flags, where the names are made of those of the scenes.
each_probability, each_mask, each_spread = (
    partial(option, type=bool, is_flag=True, metavar=None) for option in (probability, mask, spread)
)
out = partial(click.option, "-o", "--out", type=PATH, metavar="FILE")
inventory = partial(
    out,
    help="Inventory to write; its ending chooses the format: .gpkg, .shp, .geojson, .fgb or .parquet; .csv, .kml or "
    ".pmtiles for other programs.",
)
crs = partial(click.option, "--crs", metavar="CRS")
dry_run = partial(click.option, "--dry-run", is_flag=True)
stac = partial(click.option, "--stac", is_flag=True)
run_dir = partial(click.option, "--run-dir", type=PATH, show_default=True, metavar="FOLDER")
seed = partial(click.option, "--seed", type=int, show_default=True)
size = partial(click.option, "--size", show_default=True, metavar="PIXELS")
groups = partial(click.option, "--groups", type=Words(), default=(), metavar="PATTERNS")
chips = partial(click.option, "--chips", type=PATH, multiple=True, metavar="FOLDER")
_scale = partial(click.option, "--scale", type=Numbers(float, 2), metavar="LO,HI")
_threshold = partial(click.option, "--threshold", type=click.FloatRange(0, 1, min_open=True), metavar="P")
_min_area = partial(click.option, "--min-area", "min_area_m2", type=click.FloatRange(min=0), metavar="M2")
_resolution = partial(click.option, "--resolution", type=click.FloatRange(min=0, min_open=True), metavar="METRES")

_aoi = partial(click.option, "--aoi", type=PATH, metavar="FILE")
_overwrite = partial(click.option, "--overwrite", is_flag=True)
overwrite = _overwrite(help="Replace outputs that exist.")
batch_overwrite = _overwrite(help="Replace files that this batch didn't write, or that were changed since.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Only results and errors; no progress, notes or warnings.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON for machines.")

model = click.option(
    "--model",
    default="msasnet-rgb",
    show_default=True,
    metavar="ID|FILE",
    help="Installed model, a .safetensors file with its card beside it, or an OpenVINO .xml that export wrote.",
)
threshold = _threshold(help="Probability from which a pixel counts as landslide.  [default: the model card's]")
run_threshold = _threshold(
    help="Probability from which a pixel counts as landslide.  [default: that of the run that wrote the raster]"
)
min_area = _min_area(
    help="Drop landslides smaller than this, in true square metres; 0 drops none.  [default: the model card's, which "
    "is what the model can see]"
)
run_min_area = _min_area(
    help="Drop landslides smaller than this, in true square metres; 0 drops none.  [default: as in the run that wrote "
    "the raster]"
)
fill_holes = click.option(
    "--fill-holes",
    "fill_holes_m2",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="M2",
    help="Fill holes up to this size, in true square metres.",
)
simplify = click.option(
    "--simplify",
    "simplify_m",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="METRES",
    help="Let outlines move by this much to lose vertices; 0 keeps the pixels' outline.",
)
connectivity = click.option(
    "--connectivity",
    type=click.Choice([4, 8]),
    default=4,
    show_default=True,
    help="8 joins pixels that touch at a corner into one (multi-part) landslide.",
)
boundary = click.option(
    "--boundary",
    type=click.Choice(["pixel", "smooth"]),
    default="pixel",
    show_default=True,
    help="Outlines along the edges of pixels, or smooth ones that follow the probability, at most half a pixel away.",
)
dem = click.option(
    "--dem",
    metavar="FILE",
    help="Elevation model (one band of metres, any CRS and resolution): adds height, slope, aspect and H/L.",
)
min_slope = click.option(
    "--min-slope",
    "min_slope_deg",
    type=click.FloatRange(0, 90),
    default=0,
    show_default=True,
    metavar="DEGREES",
    help="With --dem: drop landslides whose mean slope is smaller, such as river beds and fields, and tell how many.",
)
overlap = click.option(
    "--overlap",
    type=click.IntRange(0, 256),
    default=64,
    show_default=True,
    metavar="PIXELS",
    help="Pixels that neighbouring windows share; their tiles are blended there.",
)
batch_size = click.option(
    "--batch-size",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Windows in each call of the network.  [default: 1 on the CPU, else what is quickest and fits into memory]",
)
engine = click.option(
    "--engine",
    type=click.Choice(["auto", "torch", "openvino"]),
    default="auto",
    show_default=True,
    help="What runs the network; auto takes the fastest that is installed: OpenVINO on the CPU, torch elsewhere.",
)
device = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto, cpu, cuda, cuda:N or mps. What isn't there is refused, never replaced by the CPU. Several cards "
    "(cuda:0,cuda:1) get a worker each.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "float16", "int8"]),
    default="auto",
    show_default=True,
    help="Type that convolutions run in; auto takes bfloat16 where the hardware has it, and int8 (OpenVINO) where the "
    "model has it and its F1 is known to suffer by less than half a point.",
)
tta = click.option(
    "--tta",
    type=click.Choice(["none", "flips", "d4"]),
    help="Mean over mirrored (flips: 4) or also turned (d4: 8) views of each window, in 4 or 8 times the time.  "
    "[default: the model card's]",
)
workers = partial(click.option, "--workers", metavar="N")
_workers = workers(
    type=click.IntRange(min=1),
    help="Predict in N processes of this machine, beside each other.  [default: in this one]",
)
cluster = click.option(
    "--cluster",
    metavar="tcp://HOST:PORT|FILE",
    help="Predict by the workers of a Dask cluster that runs: the address of its scheduler, or its scheduler file.",
)
resume = click.option(
    "--no-resume",
    "resume",
    flag_value=False,
    default=True,
    help="Keep no finished bands of a large scene while it is done, and don't go on from those of a run that was cut "
    "off.",
)
bands = click.option(
    "--bands",
    type=Numbers(int),
    metavar="R,G,B",
    help="Bands to use, counted from 1.  [default: by their names, else by the file's colour "
    "interpretation, else the first ones]",
)
nodata = click.option(
    "--nodata",
    type=NodataType(),
    metavar="V|none",
    help="Value that stands for no data in all bands; none if every value is data.  [default: what the file declares]",
)
scale = _scale(help="Raw values that map to the model's range.  [default: uint8 as it is, else percentiles 1 and 99]")
chip_scale = _scale(help="With --chips: raw values that become black and white, where the chips aren't 8-bit.")
resolution = _resolution(
    "resolution_m",
    help="Metres per pixel at which the network sees the scene.  [default: the scene's, within the trained range]",
)
chip_resolution = _resolution(help="With --chips: metres per pixel of the chips.  [default: from their georeference]")
pixel_size = click.option(
    "--pixel-size",
    type=click.FloatRange(min=0, min_open=True),
    multiple=True,
    metavar="METRES",
    help="Metres per pixel of the chips, once for all folders or once for each.  "
    "[default: a GeoTIFF's own, or the model card's for folders it was trained on]",
)
network = click.option(
    "--network",
    metavar="NAME",
    help="With --chips: msasnet, unet, unet-ca, unet-cbam, unet-psp, fcn, segnet, ldlaim, pspnet, resunet-obia or "
    "drs-unet.  [default: msasnet, or that of --start]",
)
data = partial(click.option, "--data", type=PATH, metavar="FOLDER", help="Folder that the recipe's sources lie in.")
aoi = _aoi(help="Analyse only inside these polygons (any vector file, any CRS).")
checked = _aoi(
    help="Polygons of the ground that was checked (any vector file, any CRS): in there every landslide is among the "
    "labels. Ground outside teaches nothing."
)
bbox = click.option(
    "--bbox",
    type=Numbers(float, 4),
    metavar="L,B,R,T",
    help="Analyse only inside left, bottom, right, top, in the scene's coordinates.",
)

allow_remote = click.option(
    "--allow-remote",
    is_flag=True,
    help="Let a scene on this machine, such as a VRT, read from others; without it, that is refused.",
)


def _take_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Let a file's settings take the place of the defaults; what is typed still counts before them."""
    if path is None:
        return
    from landslide_cli.detection.config import known_settings, read_config

    given = read_config(path)
    ours = {parameter.name for parameter in ctx.command.params if parameter.expose_value}
    strange = sorted(given.keys() - ours - known_settings())
    if strange:
        raise click.UsageError(f"--config {path}: there is no setting {', '.join(strange)}; see docs/detect.md")
    ctx.default_map = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in given.items()
    }


config = click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_take_config,
    help="Take options from a TOML file, or from the GeoPackage of an earlier run to repeat it; what is typed counts "
    "before them.",
)


def together(*options: Option) -> Option:
    """Several options as one, in the order in which help shows them."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


# How a mask becomes measured polygons, and which of them stay.
_shape = (fill_holes, simplify, connectivity, boundary, dem, min_slope)
polygons = together(min_area, *_shape)
run_polygons = together(run_min_area, *_shape)
seen = together(aoi, bbox, bands, nodata, scale, resolution, allow_remote)
prediction = together(seen, model, overlap, batch_size, engine, device, precision, tta)
# How the work is done, of which results don't depend.
running = together(_workers, cluster, resume)
