"""How many rows a second one core joins: a probability raster that is stored already, to a measured GeoPackage.

That is what a client does with the bands that its workers predict. The raster is made here, tiled and compressed as
`detect --probability` writes it; its blobs are landslides of the size that is asked for.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/joining.py --width 20000 --height 20000 --per-km2 20
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window
from scipy import ndimage

from landslide_cli import polygonize

PIXEL_M = 0.5
CELL = 1000


def cells(per_km2: float, radius: float) -> np.ndarray:
    """Stored probabilities of a square of `CELL` pixels with blobs as dense as that."""
    rng = np.random.default_rng(0)
    seeds = np.zeros((CELL, CELL))
    count = max(1, round(per_km2 * (CELL * PIXEL_M / 1000) ** 2))
    seeds[rng.integers(0, CELL, count), rng.integers(0, CELL, count)] = 1
    near = ndimage.distance_transform_edt(seeds == 0)
    rough = ndimage.gaussian_filter(rng.normal(size=(CELL, CELL)), 2) * 12
    # What a network says of ground without landslides: low, but nowhere quite 0.
    doubt = 6 * np.abs(ndimage.gaussian_filter(rng.normal(size=(CELL, CELL)), 3) * 10)
    return np.maximum(254 / (1 + np.exp((near + rough - radius) / 2)), doubt).astype(np.uint8)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=20_000)
    parser.add_argument("--height", type=int, default=20_000)
    parser.add_argument("--per-km2", type=float, default=20)
    parser.add_argument("--radius", type=float, default=15, help="of a blob, in pixels")
    given = parser.parse_args()
    with TemporaryDirectory(dir=".") as folder:
        path = Path(folder, "prob.tif")
        profile = {
            "driver": "GTiff", "count": 1, "width": given.width, "height": given.height, "dtype": "uint8",
            "nodata": 255, "crs": "EPSG:32648", "transform": Affine(PIXEL_M, 0, 500_000, 0, -PIXEL_M, 2_950_000),
            "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate",
        }  # fmt: skip
        cell = cells(given.per_km2, given.radius)
        across = np.tile(cell, (1, -(-given.width // CELL)))[:, : given.width]
        packed = 0
        with rasterio.open(path, "w", **profile) as dst:
            dst.scales = (1 / 254,)
            dst.update_tags(LANDSLIDE_THRESHOLD="0.5")
            for top in range(0, given.height, 500):
                rows = np.roll(across, 7 * top, axis=1)[top % CELL : top % CELL + min(500, given.height - top)]
                packed += len(zlib.compress(rows.tobytes(), 1))
                dst.write(rows, 1, window=Window(0, top, given.width, len(rows)))
        pixels = given.width * given.height
        began, used = time.perf_counter(), time.process_time()
        found = polygonize(path, Path(folder, "slides.gpkg"))
        clock, cpu = time.perf_counter() - began, time.process_time() - used
        size = Path(folder, "slides.gpkg").stat().st_size
    km2 = pixels * PIXEL_M**2 / 1e6
    print(f"{given.width} x {given.height}, {found.landslides} landslides, {found.landslides / km2:.1f} per km2")
    print(f"packed rows {packed / pixels:.3f} byte/pixel, GeoPackage {size / found.landslides:.0f} byte/landslide")
    print(f"{clock:.1f} s, {cpu:.1f} s CPU: {pixels / cpu / 1e6:.0f} Mpx/s, {given.height / cpu:.0f} rows/s, "
          f"{km2 / cpu * 3600:.0f} km2/h")  # fmt: skip


if __name__ == "__main__":
    main()
