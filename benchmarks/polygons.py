"""The streaming polygonizer against `rasterio.features.shapes` of the whole mask, in one run on one core.

    python benchmarks/polygons.py [SIZE]

Two masks: smooth blobs on 4 % of the pixels, as landslides are, and the worst case, every second pixel at random (a
minimum of 20 pixels, as a minimum area gives it, and without).
"""

from __future__ import annotations

import sys
import time

import numpy as np
import rasterio
from rasterio.features import shapes
from scipy import ndimage

from landslide_cli.polygons import StreamingPolygonizer

STRIP = 384


def blobs(size: int, share: float) -> np.ndarray:
    """Smooth random shapes that cover ``share`` of the pixels."""
    rng = np.random.default_rng(0)
    coarse = ndimage.gaussian_filter(rng.standard_normal((size // 8, size // 8), dtype=np.float32), 3)
    field = ndimage.zoom(coarse, 8, order=1)
    return field > np.quantile(field, 1 - share)


def stream(mask: np.ndarray, stored: np.ndarray, least: int) -> int:
    """Polygons of a mask, strip by strip, with their measures."""
    polygonizer = StreamingPolygonizer(mask.shape[1], min_pixels=least)
    everywhere = np.ones((STRIP, mask.shape[1]), dtype=bool)
    found = 0
    for top in range(0, len(mask), STRIP):
        rows = mask[top : top + STRIP]
        found += len(polygonizer.feed(rows, stored[top : top + STRIP], everywhere[: len(rows)]))
    return found + len(polygonizer.close())


def at_once(mask: np.ndarray) -> int:
    """Polygons of the whole mask by GDAL, as GeoJSON-like dictionaries without measures."""
    return sum(1 for _ in shapes(mask.astype(np.uint8), mask=mask))


def main(size: int = 8192) -> None:
    print(f"{size}×{size}, rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}, strips of {STRIP}")
    rng = np.random.default_rng(1)
    stored = rng.integers(0, 255, (size, size), dtype=np.uint8)
    smooth, speckled = blobs(size, 0.04), rng.random((size, size), dtype=np.float32) < 0.5
    cases = (("4 % blobs", smooth, 0), ("50 % random", speckled, 0), ("50 % random, 20 pixels", speckled, 20))
    print(f"{'mask':<24}{'shapes s':>10}{'ours s':>10}{'ratio':>8}{'ours Mpx/s':>12}{'polygons':>10}")
    for name, mask, least in cases:
        start = time.perf_counter()
        at_once(mask)
        middle = time.perf_counter()
        found = stream(mask, stored, least)
        ours, theirs = time.perf_counter() - middle, middle - start
        print(f"{name:<24}{theirs:>10.2f}{ours:>10.2f}{theirs / ours:>8.2f}{mask.size / 1e6 / ours:>12.1f}{found:>10}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
