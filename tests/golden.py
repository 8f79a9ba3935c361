"""Whether a change of the code changes what users get: the outputs of some twenty runs, as checksums.

    python tests/golden.py record runs/golden.json
    (change the code)
    python tests/golden.py compare runs/golden.json

Only the command line is used, so that the code behind it may be turned inside out. Scenes and the elevation model
are computed here. Most runs ask a stand-in, a network whose weights let the first band through: its answer is known,
whatever weights are shipped. Three runs ask the shipped model, and aren't compared once its weights have changed. Of
every output there is a checksum for geometry, for each attribute, for pixels and for tags; version, times, the command
line and the place of the files don't count. Exit status 1 says that something differs, and the lines before say what.

The runs of the stand-in that don't resample give the same on every machine. Their checksums, one for each file, are
what test_golden.py looks for; where a change is meant, record them anew:

    python tests/golden.py record tests/data/golden.json --everywhere
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import shapes
from safetensors.numpy import save
from scipy import ndimage

Sums = dict[str, str]
HEIGHT, WIDTH = 620, 900
UTM = Affine(2, 0, 500_000, 0, -2, 2_950_000)
BRIGHT = 160  # from this value of the first band on, a pixel is landslide
GAIN = 5.7  # with it no probability of a whole number lies near the middle between two stored steps
VECTORS = (".gpkg", ".shp", ".geojson", ".fgb", ".parquet")
# What differs from run to run, or with the version, and says nothing of the result.
PASSING = {
    "version",
    "command",
    "config",
    "started",
    "ended",
    "datetime",
    "created",
    "updated",
    "seconds",
    "memory_bytes",
}


@dataclass(frozen=True)
class Run:
    """A command line; words with {braces} are paths of inputs and of this run's outputs.

    Attributes:
        name: Of the run and of its folder.
        words: The command line behind ``landslide``.
        everywhere: Whether another processor gives the same: nothing but whole numbers and saturated sums is rounded.
        model: ``stand-in``, ``shipped``, or empty where the command takes none.
    """

    name: str
    words: str
    everywhere: bool = True
    model: str = "stand-in"


DETECT = "detect {in}/%s.tif -o {out}/slides%s"
RASTERS = "--probability {out}/probability.tif --mask {out}/mask.tif"
RUNS = (
    Run("plain", f"{DETECT % ('plain', '.gpkg')} {RASTERS} --stac --json"),
    Run("sieved", f"{DETECT % ('plain', '.gpkg')} --min-area 400 --fill-holes 300 --threshold 0.6 --json"),
    Run("shapefile", f"{DETECT % ('plain', '.shp')} --bbox 500100,2949000,501200,2949900"),
    Run("geojson", f"{DETECT % ('plain', '.geojson')} --bbox 500100,2949000,501200,2949900", everywhere=False),
    Run("flatgeobuf", f"{DETECT % ('plain', '.fgb')} --connectivity 8"),
    Run("geoparquet", f"{DETECT % ('plain', '.parquet')} --simplify 3", everywhere=False),
    Run("smooth", f"{DETECT % ('plain', '.gpkg')} --boundary smooth"),
    Run("smooth-8", f"{DETECT % ('plain', '.gpkg')} --boundary smooth --connectivity 8 --min-area 100"),
    Run("views", f"{DETECT % ('plain', '.gpkg')} {RASTERS} --tta flips --spread {{out}}/spread.tif"),
    Run("terrain", f"{DETECT % ('plain', '.gpkg')} --dem {{in}}/dem.tif --min-slope 12 --json"),
    Run("aoi", f"{DETECT % ('plain', '.gpkg')} {RASTERS} --aoi {{in}}/aoi.geojson --overlap 128"),
    Run("collar", f"{DETECT % ('collar', '.gpkg')} {RASTERS} --scale 0,2550 --json"),
    Run("stretched", f"{DETECT % ('collar', '.gpkg')} {RASTERS} --json", everywhere=False),
    Run("turned", f"{DETECT % ('turned', '.gpkg')} {RASTERS} --stac --json"),
    Run("south-up", f"{DETECT % ('south-up', '.gpkg')} {RASTERS} --json"),
    Run("degrees", f"{DETECT % ('degrees', '.gpkg')} {RASTERS} --json", everywhere=False),
    Run("coarser", f"{DETECT % ('plain', '.gpkg')} {RASTERS} --resolution 3 --json", everywhere=False),
    Run("nowhere", f"{DETECT % ('nowhere', '.gpkg')} --json"),
    Run("again", "polygonize {plain}/probability.tif -o {out}/slides.gpkg --threshold 0.7 --boundary smooth", model=""),
    Run("spread", "polygonize {views}/probability.tif -o {out}/slides.gpkg --spread {views}/spread.tif", model=""),
    Run("table", "polygonize {plain}/probability.tif --table --json --min-area 50", model=""),
    Run("batch", "batch {in}/plain.tif {in}/neighbour.tif {in}/turned.tif -o {out} --probability --min-area 50 --json"),
    Run("told", "info {in}/collar.tif --no-probe --json --aoi {in}/aoi.geojson"),
    Run("report", "report {plain}/slides.gpkg --scene {in}/plain.tif -o {out}/report.html "
        "--probability {plain}/probability.tif", everywhere=False, model=""),
    Run("judged", "evaluate {sieved}/slides.gpkg --reference {plain}/slides.gpkg --scene {in}/plain.tif "
        "--probability {plain}/probability.tif --json", everywhere=False, model=""),
    Run("chips", "chips {in}/plain.tif --labels {in}/scars.gpkg -o {out}/chips --size 128", model=""),
    Run("shipped", f"{DETECT % ('demo', '.gpkg')} {RASTERS} --json", everywhere=False, model=""),
    Run("shipped-torch", f"{DETECT % ('demo', '.gpkg')} {RASTERS} --engine torch --precision float32 --resolution 4",
        everywhere=False, model=""),
    Run("shipped-views", f"{DETECT % ('demo', '.gpkg')} {RASTERS} --tta d4 --spread {{out}}/spread.tif "
        "--engine torch --precision float32 --boundary smooth", everywhere=False, model=""),
)  # fmt: skip
STAND_IN = "--model {in}/stand-in.safetensors --engine torch --device cpu --precision float32"


def outcomes(folder: Path, runs: Iterable[Run], *, told: Callable[[str], None] = lambda line: None) -> dict[str, Sums]:
    """Do the runs in a new folder, and give for each run its checksums by what they are of.

    Runs take what runs before them have written: ask for them in the order of `RUNS`.
    """
    inputs = folder / "inputs"
    write_inputs(inputs)
    found = {}
    for run in runs:
        out, started = folder / run.name, time.perf_counter()
        out.mkdir()
        places = {"in": str(inputs), "out": str(out)} | {one.name: str(folder / one.name) for one in RUNS}
        line = f"{run.words} {STAND_IN if run.model else ''} {'-q' * (run.name != 'told')}"
        if run.name.startswith("shipped") and not (inputs / "demo.tif").exists():
            landslide(["demo-scene", str(inputs / "demo.tif"), "--size", "1024"])
        said = landslide([word.format(**places) for word in line.split()])
        found[run.name] = {"said": sum_of_text(said, folder)} | {
            f"{path.relative_to(out)} {part}": value
            for path in sorted(out.rglob("*")) if path.is_file() and not hidden(path.relative_to(out))
            for part, value in sums_of(path, folder).items()
        }  # fmt: skip
        told(f"{run.name}: {len(found[run.name])} checksums, {time.perf_counter() - started:.1f} s")
    return found


def landslide(words: list[str]) -> str:
    """What ``landslide`` says on stdout.

    Raises:
        RuntimeError: it failed.
    """
    said, complained = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["landslide", *words]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            runpy.run_module("landslide_cli", run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"landslide {' '.join(words)}: {complained.getvalue() or said.getvalue()}") from end
    finally:
        sys.argv = before
    return said.getvalue()


def hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


# Checksums


def checksum(*parts: bytes | str) -> str:
    """Of parts, each with its length, so that they can't run into each other."""
    found = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        found.update(str(len(raw)).encode() + b":" + raw)
    return found.hexdigest()[:16]


def sums_of(path: Path, folder: Path) -> Sums:
    """Of a file, by its ending; empty for what only accompanies another file."""
    if path.suffix in VECTORS:
        return dict(sums_of_vectors(path))
    if path.suffix == ".tif":
        return sums_of_raster(path)
    if path.suffix == ".html":
        return sums_of_page(path.read_text(encoding="utf-8"), folder)
    if path.suffix in (".json", ".csv", ".qml"):
        return {"text": sum_of_text(path.read_text(encoding="utf-8"), folder)}
    return {}


def sums_of_vectors(path: Path) -> Iterator[tuple[str, str]]:
    """Of each layer: its rows, CRS, geometry and attributes."""
    parquet = path.suffix == ".parquet"
    for layer in ["landslides"] if parquet else [str(name) for name, _ in pyogrio.list_layers(path)]:
        frame = geopandas.read_parquet(path) if parquet else pyogrio.read_dataframe(path, layer=layer)
        yield f"{layer} rows", str(len(frame))
        yield f"{layer} columns", checksum(*map(str, frame.columns))
        if isinstance(frame, geopandas.GeoDataFrame):
            yield f"{layer} CRS", frame.crs.to_string() if frame.crs else "none"
            yield f"{layer} geometry", checksum(*shapely.to_wkb(frame.geometry.to_numpy()))
        for name in frame.columns:
            if name not in PASSING | {"geometry", "styleQML", "update_time", "bbox"}:
                yield (
                    f"{layer} {name}",
                    checksum(*("null" if pd.isna(value) else repr(value) for value in frame[name].tolist())),
                )
    if path.suffix == ".gpkg":
        yield "provenance", sum_of_tags(pyogrio.read_info(path, layer="landslides").get("dataset_metadata") or {})


def sums_of_raster(path: Path) -> Sums:
    """Of pixels, of the grid they lie on and of tags."""
    with rasterio.open(path) as src:
        pixels = src.read()
        crs = src.crs.to_string() if src.crs else "none"
        grid = (pixels.shape, tuple(src.transform), crs, src.nodata, src.scales, src.block_shapes, src.overviews(1))
        return {
            "pixels": checksum(str(pixels.dtype), pixels.tobytes()),
            "grid": checksum(repr(grid)),
            "tags": sum_of_tags(src.tags()),
        }


def sums_of_page(page: str, folder: Path) -> Sums:
    """Of what a report says, and of what its map and table are made of."""
    said = re.search(r"<main>(.*)</main>", page, re.S)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert said is not None
    assert data is not None
    facts = re.sub(r"<dt>(Started|Ended|Command|Version of landslide)</dt>\s*<dd>.*?</dd>", "", said[1], flags=re.S)
    facts = re.sub(r"landslide \d+\.\d+\.\d+\S*", "landslide", facts)
    return {"facts": checksum(facts.replace(str(folder), "")), "data": sum_of_text(data[1], folder)}


def sum_of_tags(tags: dict[str, str]) -> str:
    kept = {name: value for name, value in tags.items() if not name.endswith("_VERSION")}
    return checksum(json.dumps(kept, sort_keys=True))


def sum_of_text(text: str, folder: Path) -> str:
    """Of JSON without what passes, or of other text; the folder of the runs is left out."""
    text = text.replace(str(folder), "")
    with contextlib.suppress(json.JSONDecodeError):
        text = json.dumps(lasting(json.loads(text)), sort_keys=True)
    return checksum(text)


def lasting(value: Any) -> Any:
    """JSON without the entries that differ from run to run, and sums without the digits that their order decides."""
    if isinstance(value, dict):
        return {name: lasting(one) for name, one in value.items() if name.rpartition(":")[2] not in PASSING}
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return [lasting(one) for one in value] if isinstance(value, list) else value


def of_files(sums: Sums) -> Sums:
    """One checksum for each file, and one for all chips."""
    parts: dict[str, list[str]] = {}
    for what, value in sums.items():
        parts.setdefault(what.partition(" ")[0].partition("/")[0], []).append(f"{what} {value}")
    return {name: checksum(*lines) for name, lines in parts.items()}


# What the runs need


def write_inputs(folder: Path) -> None:
    """Scenes of 620 × 900 pixels, an elevation model, an area of interest and a model."""
    folder.mkdir(parents=True)
    pixels = texture(seed=0)
    write_scene(folder / "plain.tif", pixels, UTM)
    write_scene(folder / "neighbour.tif", texture(seed=1), UTM @ Affine.translation(WIDTH - 200, 100))
    write_scene(folder / "turned.tif", pixels, UTM @ Affine.rotation(10), tiled=True, blockxsize=256, blockysize=256)
    write_scene(folder / "south-up.tif", pixels, Affine(2, 0, 500_000, 0, 2, 2_950_000))
    write_scene(folder / "degrees.tif", pixels, Affine(2e-5, 0, 10, 0, -2e-5, 60), crs="EPSG:4326")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        write_scene(folder / "nowhere.tif", pixels[:, :200, :300], Affine.identity(), crs=None)
    rows, cols = np.indices((HEIGHT, WIDTH))
    collar = (cols < 90 - rows / 8) | (cols > WIDTH - rows / 9) | (np.hypot(rows - 400, cols - 500) < 70)
    deep = np.where(collar, 0, np.maximum(pixels.astype(np.uint16) * 10, 1))
    write_scene(folder / "collar.tif", deep, UTM, nodata=0, interleave="pixel", compress="deflate")
    area = shapely.Polygon([UTM @ place for place in ((60, 40), (840, 130), (700, 560), (380, 330), (90, 600))])
    geopandas.GeoSeries([area], crs="EPSG:32648").to_file(folder / "aoi.geojson")
    bright = shapes(pixels[0], pixels[0] >= BRIGHT, transform=UTM)
    scars = [shapely.geometry.shape(outline) for outline, _ in bright]
    union = geopandas.GeoSeries([shapely.union_all(scars)], crs="EPSG:32648").explode(ignore_index=True)
    union.to_file(folder / "scars.gpkg")
    write_elevations(folder / "dem.tif")
    write_stand_in(folder / "stand-in.safetensors")


def texture(seed: int) -> NDArray[np.uint8]:
    """Three bands of smooth noise, uint8 of shape (3, 620, 900); a tenth of the first is ``BRIGHT`` or more."""
    noise = np.random.default_rng(seed).standard_normal((3, HEIGHT, WIDTH))
    field = ndimage.gaussian_filter(noise, (0, 7, 7)) + 0.04 * ndimage.gaussian_filter(noise, (0, 1, 1))
    stretched = BRIGHT + 40 * (field - np.quantile(field[0], 0.9)) / field.std()
    return stretched.round().clip(1, 255).astype(np.uint8)


def write_scene(
    path: Path, pixels: NDArray[Any], transform: Affine, *, crs: str | None = "EPSG:32648", **more: Any
) -> None:
    """A GeoTIFF of an array of shape (bands, height, width)."""
    bands, height, width = pixels.shape
    profile = {"driver": "GTiff", "count": bands, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", **profile, transform=transform, crs=crs, **more) as dst:
        dst.write(pixels)


def write_elevations(path: Path) -> None:
    """Hills and a flat third, with a hole, in degrees, coarser than the scenes and larger."""
    rows, cols = np.indices((90, 110)).astype(np.float32)
    metres = 900 + 8 * np.maximum(cols - 40, 0) + 60 * np.sin(rows / 9) * np.minimum(np.maximum(cols - 40, 0) / 20, 1)
    metres[30:36, 80:90] = -9999
    transform = Affine(2e-4, 0, 104.9985, 0, -2e-4, 26.6745)
    write_scene(path, metres[None].astype(np.float32), transform, crs="EPSG:4326", nodata=-9999)


def write_stand_in(weights: Path) -> None:
    """A U-Net of width 1 that says by how much the first band exceeds ``BRIGHT``, and its card."""
    tensors: dict[str, NDArray[np.float16]] = {}

    def convolution(name: str, into: int, out: int, side: int = 3) -> None:
        kernel = np.zeros((out, into, side, side), np.float16)
        kernel[0, 0, side // 2, side // 2] = 1
        tensors[f"{name}.weight"] = kernel

    def double(name: str, into: int, out: int) -> None:
        for conv, norm, channels in ((0, 1, into), (3, 4, out)):
            convolution(f"{name}.{conv}", channels, out)
            for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
                tensors[f"{name}.{norm}.{part}"] = np.full(out, value, np.float16)
            tensors[f"{name}.{norm}.num_batches_tracked"] = np.zeros((), np.int64)

    double("stem", 3, 1)
    for number, (into, out) in enumerate(((1, 2), (2, 4), (4, 8), (8, 8))):
        double(f"downs.{number}.1", into, out)
    double("bridge", 8, 8)
    for number, (into, skip, out) in enumerate(((8, 8, 8), (8, 4, 4), (4, 2, 2), (2, 1, 1))):
        tensors[f"ups.{number}.rise.weight"] = np.zeros((into, into // 2, 2, 2), np.float16)
        tensors[f"ups.{number}.rise.bias"] = np.zeros(into // 2, np.float16)
        double(f"ups.{number}.conv", into // 2 + skip, out)
    convolution("head", 1, 1, side=1)
    tensors["head.weight"] *= np.float16(GAIN)
    tensors["head.bias"] = np.full(1, -GAIN * (BRIGHT / 255 - 0.4) / 0.2, np.float16)
    weights.write_bytes(save(tensors))
    card = {
        "model_id": "stand-in", "network": "unet", "arguments": {"width": 1}, "bands": ["red", "green", "blue"],
        "value_range": [0, 255], "mean": [0.4] * 3, "std": [0.2] * 3, "resolution_m": [0.1, 10], "threshold": 0.5,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(), "licence": "none",
    }  # fmt: skip
    weights.with_suffix(".json").write_text(json.dumps(card))


# The tool


def differences(before: dict[str, Sums], now: dict[str, Sums]) -> tuple[list[str], list[str]]:
    """What differs, one line each, and which runs can't be compared because the shipped weights are others."""
    lines, others = [], []
    for name in sorted(before.keys() | now.keys(), key=[run.name for run in RUNS].index):
        old, new = before.get(name), now.get(name)
        if old is None or new is None:
            lines.append(f"{name}: only {'now' if old is None else 'before'}")
            continue
        weights = "slides.gpkg runs weights_sha256"
        if name.startswith("shipped") and old[weights] != new[weights]:
            others.append(name)
            continue
        lines += [f"{name}: {what}: {old.get(what, 'absent')} before, {new.get(what, 'absent')} now"
                  for what in sorted(old.keys() | new.keys()) if old.get(what) != new.get(what)]  # fmt: skip
    return lines, others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path, help="JSON file of checksums, such as runs/golden.json")
    parser.add_argument("--everywhere", action="store_true", help="only runs that give the same on every machine")
    parser.add_argument("--only", nargs="+", metavar="RUN", help="only these runs, and those they take files from")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="new folder that keeps inputs and outputs")
    given = parser.parse_args()
    runs = [run for run in RUNS if run.everywhere or not given.everywhere]
    if given.only:
        needed = {name for run in runs if run.name in given.only for name in re.findall(r"{([\w-]+)}", run.words)}
        runs = [run for run in runs if run.name in needed | set(given.only)]
    with tempfile.TemporaryDirectory(prefix="golden.") as temporary:
        folder = given.keep or Path(temporary) / "runs"
        found = outcomes(folder.absolute(), runs, told=lambda line: print(line, file=sys.stderr, flush=True))
    if given.everywhere:
        found = {name: of_files(sums) for name, sums in found.items()}
    if given.what == "record":
        given.file.parent.mkdir(parents=True, exist_ok=True)
        given.file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{given.file}: {len(found)} runs, {sum(map(len, found.values()))} checksums")
        return
    before = json.loads(given.file.read_text())
    if given.only or given.everywhere:
        before = {name: sums for name, sums in before.items() if name in found}
    lines, others = differences(before, found)
    print("\n".join([*lines, *(f"{name}: not compared, the shipped weights are others" for name in others)]))
    equal = len(before) - len(others) - len({line.partition(":")[0] for line in lines})
    print(f"{equal} of {len(before)} runs are equal")
    sys.exit(bool(lines))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
