"""Requests and bytes that reading a scene from another machine costs, and how long it takes on a slow line.

A COG is served by HTTP on this machine, with every answer as late as a server's on another continent.

    python benchmarks/remote.py --size 16384 --late 0.05
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from affine import Affine
from rasterio.shutil import copy
from rasterio.windows import Window

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import serving

LANDSLIDE = [sys.executable, "-m", "landslide_cli"]


def write_scene(path: Path, size: int, compress: str) -> None:
    """A COG of uint8 with three bands of noise over slow changes, about as well compressible as imagery."""
    rng = np.random.default_rng(0)
    plain = path.with_suffix(".plain.tif")
    profile = {
        "driver": "GTiff", "count": 3, "height": size, "width": size, "dtype": "uint8", "crs": "EPSG:32648",
        "transform": Affine(0.8, 0, 500_000, 0, -0.8, 2_950_000), "photometric": "rgb", "tiled": True,
    }  # fmt: skip
    with rasterio.open(plain, "w", **profile) as dst:
        slow = 120 + 40 * np.sin(np.arange(size) / 700)
        for top in range(0, size, 512):
            rows = min(512, size - top)
            strip = slow + 20 * np.cos(np.arange(top, top + rows) / 300)[:, None] + rng.normal(0, 12, (3, rows, size))
            dst.write(strip.clip(1, 254).astype(np.uint8), window=Window(0, top, size, rows))
    copy(str(plain), str(path), driver="COG", compress=compress, quality=85)
    plain.unlink()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=16384)
    parser.add_argument("--late", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument("--compress", default="JPEG")
    given = parser.parse_args()
    with TemporaryDirectory(dir=".") as folder, serving(Path(folder), late=given.late) as server:
        scene = Path(folder, "scene.tif")
        write_scene(scene, given.size, given.compress)
        whole = scene.stat().st_size
        print(f"{given.size} x {given.size}, {given.compress}, {whole / 1e6:.1f} MB, answers {given.late:g} s late")
        url = f"{server.address}/scene.tif"
        middle = 0.8 * given.size / 2
        x, y = 500_000 + middle, 2_950_000 - middle
        box = f"--bbox={x},{y - 800},{x + 800},{y}"
        out = ["-o", str(Path(folder, "slides.gpkg")), "--overwrite"]
        for name, words in (
            ("info --no-probe", ["info", url, "--no-probe"]),
            ("info --no-probe --bbox", ["info", url, "--no-probe", box]),
            ("detect --bbox of 1000 x 1000 pixels", ["detect", url, *out, box]),
        ):
            server.told()
            began = time.perf_counter()
            subprocess.run([*LANDSLIDE, *words], check=True, capture_output=True)
            took = time.perf_counter() - began
            asked, sent = server.told()
            print(f"{name:<36} {len(asked):5} requests {sent / 1e6:8.2f} MB ({sent / whole:.1%})  {took:6.1f} s")


if __name__ == "__main__":
    main()
