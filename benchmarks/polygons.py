"""The streaming polygonizer against `rasterio.features.shapes` of the whole mask, in one run on one core.

    OMP_NUM_THREADS=1 python benchmarks/polygons.py [SIZE] [MASK ...]

Masks of landslides, with their measures: `blobs`, smooth shapes on 4 % of the pixels, and the worst case, `random`,
every second pixel at random (`sieved`: with a minimum of 20 pixels, as a minimum area gives it). Masks of what was
analysed, outlines alone: `valid`, all of it, and `tilted`, a footprint that stands on a corner. `measured` adds what
the inventory does before it writes: placing the polygons on the map, geodesic area and perimeter. The last columns are
the same with smooth outlines, of masks with values.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rasterio
import scipy
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import shapes
from scipy import ndimage

from landslide_cli.inventory.rules import PolygonRules, shaped
from landslide_cli.polygons import Finished, StreamingPolygonizer
from landslide_cli.scene.ground import Ground

STRIP = 384


def blobs(size: int, share: float) -> np.ndarray:
    """Smooth random shapes that cover ``share`` of the pixels."""
    rng = np.random.default_rng(0)
    coarse = ndimage.gaussian_filter(rng.standard_normal((size // 8, size // 8), dtype=np.float32), 3)
    field = ndimage.zoom(coarse, 8, order=1)
    return field > np.quantile(field, 1 - share)


def speckles(size: int) -> np.ndarray:
    """Every second pixel at random."""
    return np.random.default_rng(1).random((size, size), dtype=np.float32) < 0.5


def tilted(size: int) -> np.ndarray:
    """A square on its corner."""
    distance = np.abs(np.arange(size) - size // 2)
    return distance[:, None] + distance < size // 2


def stream(
    mask: np.ndarray, stored: np.ndarray | None, least: int = 0, ground: Ground | None = None,
    level: float | None = None,
) -> int:  # fmt: skip
    """Polygons of a mask, strip by strip, with their measures if there is something to measure."""
    polygonizer = StreamingPolygonizer(mask.shape[1], min_pixels=least, level=level)
    everywhere = np.ones((STRIP, mask.shape[1]), dtype=bool)
    found = []
    for top in range(0, len(mask), STRIP):
        rows = mask[top : top + STRIP]
        values = (stored[top : top + STRIP], everywhere[: len(rows)]) if stored is not None else ()
        found.append(count(polygonizer.feed(rows, *values), ground))
    return sum(found) + count(polygonizer.close(), ground)


def count(polygons: Finished, ground: Ground | None) -> int:
    """Number of polygons, measured on the ground if there is one."""
    return len(polygons) if ground is None else len(shaped(polygons.geometry, ground, PolygonRules())[1])


def at_once(mask: np.ndarray) -> int:
    """Polygons of the whole mask by GDAL, as GeoJSON-like dictionaries without measures."""
    return sum(1 for _ in shapes(mask.view(np.uint8), mask=mask))


def main(size: int = 8192, *wanted: str) -> None:
    print(f"{size}×{size}, strips of {STRIP}, rasterio {rasterio.__version__} with GDAL {rasterio.__gdal_version__}, "
          f"numpy {np.__version__}, scipy {scipy.__version__}, "
          f"shapely {shapely.__version__} with GEOS {shapely.geos_version_string}")  # fmt: skip
    stored = np.random.default_rng(2).integers(0, 255, (size, size), dtype=np.uint8)
    cases = {
        "blobs": (lambda: blobs(size, 0.04), stored, 0),
        "random": (lambda: speckles(size), stored, 0),
        "sieved": (lambda: speckles(size), stored, 20),
        "valid": (lambda: np.ones((size, size), dtype=bool), None, 0),
        "tilted": (lambda: tilted(size), None, 0),
    }
    ground = Ground(Affine(1, 0, 500_000, 0, -1, 5_000_000), CRS.from_epsg(32633), (1.0, 1.0))
    stream(np.ones((9, 9), dtype=bool), None, ground=ground)  # what is imported late is imported
    print(f"{'mask':<10}{'shapes s':>10}{'ours s':>10}{'ratio':>8}{'ours Mpx/s':>12}{'polygons':>10}{'measured s':>12}"
          f"{'smooth s':>10}{'measured s':>12}")  # fmt: skip
    for name in wanted or cases:
        make, values, least = cases[name]
        mask = make()
        theirs, _ = timed(at_once, mask)
        ours, found = timed(stream, mask, values, least)
        whole, _ = timed(stream, mask, values, least, ground)
        print(f"{name:<10}{theirs:>10.2f}{ours:>10.3f}{theirs / ours:>8.2f}{mask.size / 1e6 / ours:>12.1f}"
              f"{found:>10}{whole:>12.3f}", end="")  # fmt: skip
        if values is not None:
            surface = np.where(mask, values // 2 + 127, values // 4)
            smooth, _ = timed(stream, mask, surface, least, None, 126.5)
            whole, _ = timed(stream, mask, surface, least, ground, 126.5)
            print(f"{smooth:>10.3f}{whole:>12.3f}", end="")
        print()


def timed(call: Callable[..., int], *arguments: Any) -> tuple[float, int]:
    """Seconds that a call takes, and what it gives."""
    start = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
