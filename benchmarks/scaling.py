"""What `landslide detect` costs by the size of the scene: memory, processor time, and the time to its first answer.

    python benchmarks/scaling.py [WIDTHxHEIGHT ...] [--engine E] [--scene KIND] [--rasters] [--repeats N] ...

The real command runs in a process of its own on scenes made for it: tiled GeoTIFFs of three bands, smooth noise that
repeats every 4096 pixels. By default the model is a stand-in that takes the brightest 4 % of the first band for
landslides, so that all but the network does its usual work: one convolution for OpenVINO, a U-Net one channel wide
for torch. The first run has a scene of one window, so its memory is that of imports and weights; of the others it is
told how much more they took at their peak, all processes added up: until the last window was answered (*run*), and
afterwards, when the files are finished (*end*). Processor time can be compared where wall-clock time can't, since other
programs run. A run before the first, in which OpenVINO converts weights, isn't shown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy import ndimage
from torch import nn

from landslide_cli.engine.graphs import Probability, fewer_words, traced
from landslide_cli.engine.openvino_files import convert, save
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model, write_weights
from landslide_cli.networks.registry import build_network

PERIOD, BLOCK = 4096, 512
SMOOTH = 16  # pixels: some fifty landslides for each million
SHARE, BRIGHT = 0.04, 160
GAIN, LEVEL = 8.0, (BRIGHT / 255 - 0.4) / 0.2  # of the normalised band
COLLAR = 0.08  # of the width
METRES = 0.5
SIZES = ("4352x4352", "8192x8192", "16256x16256")  # whole windows: those that reach past the edge cost as much
PAUSE = 0.02  # seconds between two looks at the memory


@dataclass(frozen=True)
class Measured:
    """One run: seconds, processor seconds and bytes; memory is the peak before and after the last window."""

    told: dict[str, object]
    wall: float
    busy: float
    first_wall: float
    first_busy: float
    run_bytes: int
    end_bytes: int


class Watched:
    """A process and its children, looked at from outside while they run."""

    def __init__(self, command: list[str], cache: Path) -> None:
        # Converted models of stand-ins don't belong into the user's cache.
        environment = os.environ | {"LANDSLIDE_PROGRESS": "json", "XDG_CACHE_HOME": str(cache)}
        self._start, self._before = time.perf_counter(), children_seconds()
        self._process = psutil.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._first: tuple[float, float] | None = None
        self._ended = False
        self._said: list[str] = []

    def wait(self) -> Measured:
        """Until it has ended."""
        reader = threading.Thread(target=self._read)
        reader.start()
        peaks = [0, 0]
        while self._process.poll() is None:
            peaks[self._ended] = max(peaks[self._ended], resident(self._process))
            time.sleep(PAUSE)
        wall, busy = time.perf_counter() - self._start, children_seconds() - self._before
        reader.join()
        if self._process.returncode:
            raise RuntimeError("\n".join(self._said[-9:]))
        told = json.loads(self._process.stdout.read())
        return Measured(told, wall, busy, *(self._first or (wall, busy)), *peaks)

    def _read(self) -> None:
        """Progress: the first line comes with the first window's answer, the last one with the last's."""
        for line in self._process.stderr:
            if not line.startswith('{"done"'):
                self._said.append(line.rstrip())
                continue
            if self._first is None:
                times = self._process.cpu_times()
                self._first = time.perf_counter() - self._start, times.user + times.system
            progress = json.loads(line)
            self._ended = progress["done"] == progress["total"]


def resident(process: psutil.Process) -> int:
    """Resident memory of a process and its children in bytes; what they share is counted for each."""
    try:
        return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0


def children_seconds() -> float:
    """Processor time of the children that have ended, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def write_stand_in(folder: Path, engine: str) -> Path:
    """A model that says how much brighter than ``BRIGHT`` the first band is."""
    card = ModelCard(
        model_id="stand-in", network="unet", arguments={"width": 1}, bands=("red", "green", "blue"),
        value_range=(0.0, 255.0), mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), resolution_m=(0.1, 10.0), threshold=0.5,
        sha256="", licence="none",
    )  # fmt: skip
    if engine == "openvino":
        path = folder / "stand-in.xml"
        with fewer_words():
            network = Probability(passing(nn.Conv2d(3, 1, 1), GAIN, LEVEL)).eval()
            save(convert(traced(network, bands=3, size=None)), card, path)
        return path
    network = build_network(card.network, **card.arguments)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            passing(layer)
        elif isinstance(layer, nn.ConvTranspose2d):
            nn.init.zeros_(layer.weight)  # the first channel skips the deeper stages
    passing(network.head, GAIN, LEVEL)
    path = folder / "stand-in.safetensors"
    replace(card, sha256=write_weights(network, path)).write(path.with_suffix(".json"))
    return path


def passing(layer: nn.Conv2d, gain: float = 1.0, level: float = 0.0) -> nn.Conv2d:
    """Let a convolution give how much its first channel exceeds a level, times a gain."""
    nn.init.zeros_(layer.weight)
    middle = layer.kernel_size[0] // 2
    nn.init.constant_(layer.weight[0, 0, middle, middle], gain)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, -gain * level)
    return layer


@cache
def texture() -> NDArray[np.uint8]:
    """Smooth noise without seams where it repeats, of which ``SHARE`` is ``BRIGHT`` or more."""
    noise = np.random.default_rng(0).standard_normal((PERIOD, PERIOD), dtype=np.float32)
    field = ndimage.gaussian_filter(noise, SMOOTH, mode="wrap")
    stretched = BRIGHT + 30 * (field - np.quantile(field, 1 - SHARE)) / field.std()
    return stretched.clip(1, 255).astype(np.uint8)


def write_scene(path: Path, width: int, height: int, kind: str, resolution_m: float) -> None:
    """A scene full of texture, or one that stands askew between two wedges of nodata."""
    noise = texture()
    bands = np.stack([noise, np.roll(noise, 999, axis=0), np.roll(noise, 999, axis=1)])
    bands = np.tile(bands, (1, 1, -(-width // PERIOD)))[:, :, :width]
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": 3, "dtype": "uint8", "crs": "EPSG:32648",
        "transform": Affine(resolution_m, 0, 300_000, 0, -resolution_m, 3_000_000), "photometric": "rgb",
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "pixel", "compress": "zstd",
        "zstd_level": 1, "predictor": 2, "bigtiff": "if_safer", "nodata": 0 if kind == "askew" else None,
    }  # fmt: skip
    cols = np.arange(width)
    with rasterio.Env(GDAL_CACHEMAX=256 << 20), rasterio.open(path, "w", **profile) as dst:
        for top in range(0, height, BLOCK):
            rows = np.arange(top, min(top + BLOCK, height))
            pixels = bands[:, rows % PERIOD]
            if kind == "askew":
                left = (COLLAR * width * rows / height)[:, None]
                pixels = np.where((cols >= left) & (cols < left + (1 - COLLAR) * width), pixels, 0)
            dst.write(pixels, window=Window(0, top, width, len(rows)))


def command(scene: Path, weights: Path, engine: str, seen_at: float | None, *, rasters: bool) -> list[str]:
    """What a user would type."""
    out = scene.parent
    words = [sys.executable, "-m", "landslide_cli", "detect", scene, "-o", out / "slides.gpkg", "--overwrite", "--json"]
    words += ["--model", weights, "--engine", engine, "--device", "cpu"]
    words += ["--resolution", seen_at] if seen_at else []
    if rasters:
        words += ["--probability", out / "probability.tif", "--mask", out / "mask.tif"]
    return list(map(str, words))


HEAD = ("scene", "windows", "polygons", "run MB", "end MB", "CPU s", "wall s", "CPU s/Mpx", "less start",
        "CPU ms/window", "first CPU s", "first wall s")  # fmt: skip


def row(name: str, pixels: int, found: Measured, start: Measured) -> str:
    """A line of the table; memory, and time where it says so, less that of the run with one window."""
    more, windows = found.busy - start.busy, int(str(found.told["windows"]))
    figures = [
        name, windows, found.told["landslides"], *(f"{(peak - start.run_bytes) / 1e6:.0f}"
        for peak in (found.run_bytes, found.end_bytes)), f"{found.busy:.1f}", f"{found.wall:.1f}",
        f"{found.busy / pixels * 1e6:.4f}", f"{more / pixels * 1e6:.4f}", f"{more / windows * 1e3:.1f}",
        f"{found.first_busy:.2f}", f"{found.first_wall:.2f}",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, figures)) + " |"


def measure(width: int, height: int, given: argparse.Namespace, weights: Path, folder: Path) -> Measured:
    """Make a scene, run the command on it, and clear up; of several runs, the middle one by processor time."""
    place = folder / f"{width}x{height}"
    place.mkdir()
    scene = place / "scene.tif"
    write_scene(scene, width, height, given.scene, max(find_model(weights)[1].resolution_m[0], METRES))
    try:
        words = command(scene, weights, given.engine, given.resolution, rasters=given.rasters)
        found = [Watched(words, folder / "cache").wait() for _ in range(given.repeats)]
        return sorted(found, key=lambda one: one.busy)[len(found) // 2]
    finally:
        shutil.rmtree(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", default=SIZES, metavar="WIDTHxHEIGHT", help=f"{' '.join(SIZES)}")
    parser.add_argument("--engine", default="openvino", choices=("openvino", "torch"))
    parser.add_argument("--scene", default="full", choices=("full", "askew"), help="without nodata, or between wedges")
    parser.add_argument("--rasters", action="store_true", help="write probability and mask as well")
    parser.add_argument("--resolution", type=float, help=f"metres that the network sees; the scene has {METRES:g}")
    parser.add_argument("--model", help="instead of the stand-in")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each scene; the middle one counts")
    parser.add_argument("--folder", type=Path, help="where scenes and outputs go; 40000x80000 takes several gigabytes")
    given = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "openvino", "rasterio", "numpy", "shapely"))
    cores = len(os.sched_getaffinity(0))
    print(f"{platform.machine()}, {cores} core{'s' * (cores > 1)}, load {os.getloadavg()[0]:.1f}; "
          f"Python {platform.python_version()}, {packages}, GDAL {rasterio.__gdal_version__}")  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="scaling.", dir=given.folder))
    try:
        weights = find_model(given.model)[0] if given.model else write_stand_in(folder, given.engine)
        measure(BLOCK, BLOCK, given, weights, folder)  # converts the weights, and reads the libraries from disk
        start = measure(BLOCK, BLOCK, given, weights, folder)
        seen = f", seen at {given.resolution:g} m" if given.resolution else ""
        print(f"{weights.stem} by {start.told['engine']} in {start.told['precision']}, scene {given.scene}{seen}"
              f"{', with rasters' * given.rasters}; one window: {start.run_bytes / 1e6:.0f} MB until it is answered, "
              f"{start.end_bytes / 1e6:.0f} MB after")  # fmt: skip
        print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
        print(row(f"{BLOCK}x{BLOCK}", BLOCK**2, start, start), flush=True)
        for size in given.sizes:
            width, height = map(int, size.split("x"))
            print(row(size, width * height, measure(width, height, given, weights, folder), start), flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
