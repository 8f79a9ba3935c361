"""Whether the answer depends on how a scene was stored or stretched, and on what surrounds it.

    python benchmarks/radiometry.py SCENE TRUTH.gpkg [landslide detect options]

SCENE is uint8. It is written anew in other ways (reflectance times 10,000 as uint16, 0 to 1 as float, half as bright,
hazy, stretched by bands, with a gamma), each goes through `landslide detect` with the same options, and F1 against
the truth is printed beside that of the scene as it is. Then ground without pixels: discs of the scene, as a drone's
ortho has them, everything around them nodata; F1 inside them is printed beside that of the whole scene's answer there.
`detect` fills such ground with one colour; other fills, made from the pixels that are there, are tried beside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage

from landslide_cli.metrics.scores import Histogram

Pixels = NDArray[np.generic]
DISC = 600  # pixels across


def stretched(pixels: Pixels) -> Pixels:
    """Each band from its darkest to its brightest half percent."""
    low, high = np.percentile(pixels, [0.5, 99.5], axis=(1, 2), keepdims=True)
    return ((pixels - low) / (high - low) * 255).clip(0, 255).round().astype(np.uint8)


WAYS: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda pixels: pixels,
    "uint16, reflectance × 10,000": lambda pixels: (pixels / 255 * 3000).round().astype(np.uint16),
    "float, 0 to 1": lambda pixels: (pixels / 255).astype(np.float32),
    "half as bright": lambda pixels: (pixels // 2).astype(np.uint8),
    "hazy": lambda pixels: (pixels * 0.7 + 0.3 * 210).round().astype(np.uint8),
    "stretched by bands": stretched,
    "gamma 1.5": lambda pixels: ((pixels / 255) ** 1.5 * 255).round().astype(np.uint8),
}


def discs(height: int, width: int) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """Squares side by side with the disc in each that has pixels."""
    y, x = np.mgrid[:DISC, :DISC] - (DISC - 1) / 2
    inside = x**2 + y**2 < (DISC / 2) ** 2
    for top in range(0, height - DISC + 1, DISC):
        for left in range(0, width - DISC + 1, DISC):
            yield slice(top, top + DISC), slice(left, left + DISC), inside


def nearest(pixels: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """Everything outside as its nearest pixel inside."""
    rows, cols = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return pixels[:, rows, cols]


def mirrored(pixels: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """Everything outside as what lies as far inside of the edge; the nearest pixel where that isn't inside."""
    here = np.indices(inside.shape)
    there = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    rows, cols = (np.clip(2 * t - h, 0, size - 1) for t, h, size in zip(there, here, inside.shape, strict=True))
    return np.where(inside[rows, cols], pixels[:, rows, cols], nearest(pixels, inside))


def smoothed(pixels: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """Everything outside as the mean of what is inside around it, by a Gaussian of 30 pixels."""
    weight = ndimage.gaussian_filter(inside.astype(np.float32), 30)
    mean = [
        ndimage.gaussian_filter(np.where(inside, band, 0).astype(np.float32), 30) / (weight + 1e-6) for band in pixels
    ]
    far = nearest(pixels, inside)
    return np.where(inside, pixels, np.where(weight > 1e-3, np.stack(mean), far)).round().astype(pixels.dtype)


FILLS = {
    "their nearest pixels": nearest,
    "what is mirrored at their edge": mirrored,
    "their smoothed colours": smoothed,
}


def answer(scene: Path, folder: Path, options: tuple[str, ...]) -> tuple[NDArray[np.uint8], float]:
    """Stored probabilities of a scene, and the threshold."""
    out, probability = folder / "slides.gpkg", folder / "prob.tif"
    command = [sys.executable, "-m", "landslide_cli", "detect", str(scene), "-o", str(out), "--overwrite", "-q"]
    subprocess.run([*command, "--probability", str(probability), *options], check=True)
    with rasterio.open(probability) as src:
        return src.read(1), float(src.tags()["LANDSLIDE_THRESHOLD"])


def main(scene: str, truth: str, *options: str) -> None:
    with rasterio.open(scene) as src:
        pixels, profile = src.read(), src.profile
        drawn = geopandas.read_file(truth).to_crs(src.crs)
        painted = rasterize(drawn.geometry, out_shape=src.shape, transform=src.transform) > 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)

        def run(changed: Pixels, nodata: float | None = None) -> tuple[NDArray[np.uint8], float]:
            entries = profile | {"dtype": changed.dtype, "nodata": nodata, "compress": "deflate", "driver": "GTiff"}
            entries.pop("photometric", None)
            with rasterio.open(folder / "scene.tif", "w", **entries) as dst:
                dst.write(changed)
            return answer(folder / "scene.tif", folder, options)

        whole, threshold = run(pixels)
        base = Histogram.of(whole, painted).scores(threshold).f1
        print("| scene | F1 | difference |\n|---|---|---|")
        for name, way in WAYS.items():
            stored = whole if name == "as it is" else run(way(pixels))[0]
            f1 = Histogram.of(stored, painted).scores(threshold).f1
            print(f"| {name} | {f1:.3f} | {f1 - base:+.3f} |", flush=True)
        alone = np.zeros_like(pixels)
        kept = np.zeros(painted.shape, dtype=bool)
        for rows, cols, inside in discs(*painted.shape):
            kept[rows, cols] = inside
            alone[:, rows, cols] = np.where(inside, np.maximum(pixels[:, rows, cols], 1), 0)
        surrounded = np.where(kept, whole, 255).astype(np.uint8)
        holed, _ = run(alone, nodata=0)
        with_ground = Histogram.of(surrounded, painted).scores(threshold).f1
        without = Histogram.of(np.where(kept, holed, 255).astype(np.uint8), painted).scores(threshold).f1
        print(f"| discs of {DISC} pixels, seen with what surrounds them | {with_ground:.3f} | |")
        print(f"| the same, with nodata around them | {without:.3f} | {without - with_ground:+.3f} |", flush=True)
        for name, fill in FILLS.items():
            stored, _ = run(fill(alone, kept))
            f1 = Histogram.of(np.where(kept, stored, 255).astype(np.uint8), painted).scores(threshold).f1
            print(f"| the same, with {name} around them | {f1:.3f} | {f1 - with_ground:+.3f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
