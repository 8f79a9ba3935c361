"""Time of ``landslide report`` beside that of ``landslide detect``, on a scene with a noise-like texture.

python benchmarks/report.py --size 8192
python benchmarks/report.py --size 8192 --smooth   # tiles are small, so that the report shows every pixel
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

ROWS = 512


def make_scene(path: Path, size: int, *, smooth: bool) -> None:
    """Write a scene of 0.8 m with textures of several sizes, without overviews."""
    rng = np.random.default_rng(0)
    grain = 0.5 if smooth else 9
    with rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, count=3, dtype="uint8", crs="EPSG:32645",
        transform=from_origin(500_000, 3_100_000, 0.8, 0.8), compress="deflate", zlevel=1, predictor=2, tiled=True,
        blockxsize=512, blockysize=512,
    ) as dst:  # fmt: skip
        for top in range(0, size, ROWS):
            rows = min(ROWS, size - top)
            noise = rng.normal(size=(3, rows, size)).astype(np.float32)
            ground = gaussian_filter(noise[0], 3) * (20 if smooth else 180) + gaussian_filter(noise[1], 20) * 1000
            bands = [np.clip(110 + ground * part + noise[band] * grain, 1, 255)
                     for band, part in enumerate((1, 0.9, 0.8))]  # fmt: skip
            dst.write(np.stack(bands).astype(np.uint8), window=Window(0, top, size, rows))


def run(*words: object) -> tuple[float, float]:
    """Seconds on the clock and of all cores together."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "landslide_cli", *map(str, words), "-q"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used


def main() -> None:
    """Print the times of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--smooth", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene, slides, probability = folder / "scene.tif", folder / "slides.gpkg", folder / "prob.tif"
        make_scene(scene, options.size, smooth=options.smooth)
        detect = run("detect", scene, "-o", slides, "--probability", probability)
        plain = run("report", slides, "--scene", scene, "-o", folder / "a.html")
        both = run("report", slides, "--scene", scene, "-o", folder / "b.html", "--probability", probability)
        size = (folder / "a.html").stat().st_size / 1e6
    print(f"{options.size} x {options.size} pixels, {os.cpu_count()} cores; the page has {size:.1f} MB")
    print("                          seconds   of all cores   to detect")
    for label, (clock, used) in (("detect", detect), ("report", plain), ("with the probability", both)):
        print(f"{label:22} {clock:10.1f} {used:14.1f} {clock / detect[0]:8.2f} {used / detect[1]:8.2f}")


if __name__ == "__main__":
    main()
