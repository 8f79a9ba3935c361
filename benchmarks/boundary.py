"""Outlines of pixels and smooth ones against hand-drawn masks, in one run.

    python benchmarks/boundary.py CHIPS PIXEL_SIZE GROUP [FACTOR ...]

CHIPS is a folder of images and masks as `landslide train` reads it, PIXEL_SIZE metres. For each factor the images are
made that many times coarser by averaging, the network is asked about those, and its polygons are painted four times
finer than the coarser pixels (factor 4: at the masks' own pixels). So what is drawn inside a pixel can be seen.
Boundary F1 is that of `landslide evaluate`, pooled; tolerances are parts of a coarser pixel. `ideal` is a network
without error: its probability is the part of a pixel that is landslide. Recall is also given near the corners of the
hand-drawn outlines: where they, simplified by half a coarser pixel, turn by more than 60 degrees.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize, shapes
from scipy import ndimage

import landslide_cli
from landslide_cli.chips.chip import find_chips
from landslide_cli.metrics.boundary import BoundaryCounts, boundary
from landslide_cli.mosaic.encoding import NODATA, STEPS

FINER = 4
TOLERANCES = (0.25, 0.5, 1.0, 2.0)
CRS = "EPSG:32648"
ORIGIN = (300_000.0, 3_000_000.0)


def coarser(image: NDArray[np.floating], factor: int) -> NDArray[np.floating]:
    """Means of squares of ``factor`` pixels, of bands first."""
    bands, height, width = image.shape
    return image.reshape(bands, height // factor, factor, width // factor, factor).mean(axis=(2, 4))


def write(path: Path, image: NDArray[np.uint8], metres: float, **more: object) -> None:
    """A GeoTIFF somewhere on the earth."""
    transform = Affine(metres, 0, ORIGIN[0], 0, -metres, ORIGIN[1])
    count, height, width = image.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype="uint8", crs=CRS, transform=transform,
        **more,
    ) as dst:  # fmt: skip
        dst.write(image)


def outlines(
    folder: Path, image: NDArray[np.uint8], truth: NDArray[np.bool_], factor: int, metres: float
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Network, form and what its polygons cover, on a grid that is finer than the coarser pixels."""
    scene, ideal, predicted = (folder / name for name in ("scene.tif", "ideal.tif", "predicted.tif"))
    size = metres * factor
    write(scene, coarser(image.astype(float), factor).round().astype(np.uint8), size)
    outputs = landslide_cli.Outputs(folder / "slides.gpkg", probability=predicted)
    landslide_cli.detect(scene, outputs, runtime=landslide_cli.Runtime(device="cpu"), overwrite=True)
    part = coarser(truth[None].astype(float), factor)
    write(ideal, (part * STEPS + 0.5).astype(np.uint8), size, nodata=NODATA)
    with rasterio.open(ideal, "r+") as dst:
        dst.scales = (1 / STEPS,)
    for network, raster, threshold in (("trained", predicted, None), ("ideal", ideal, 0.5)):
        for form in ("pixel", "smooth"):
            out = folder / f"{form}.gpkg"
            rules = landslide_cli.PolygonRules(threshold, boundary=form)
            landslide_cli.polygonize(raster, out, rules=rules, overwrite=True)
            slides = geopandas.read_file(out, layer="landslides").geometry
            shape = tuple(FINER * side // factor for side in truth.shape)
            transform = Affine(size / FINER, 0, ORIGIN[0], 0, -size / FINER, ORIGIN[1])
            painted = rasterize(slides, shape, transform=transform) if len(slides) else np.zeros(shape, np.uint8)
            yield network, form, painted > 0


def near_corners(truth: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """What lies within ``pixels`` of a corner of the true outline."""
    marked = np.ones(truth.shape, dtype=bool)
    for shape, _ in shapes(truth.view(np.uint8), mask=truth):
        polygon = shapely.simplify(shapely.geometry.shape(shape), pixels / 2)
        for ring in (polygon.exterior, *polygon.interiors):
            corners = shapely.get_coordinates(ring)[:-1]
            way = np.diff(corners, axis=0, append=corners[:1])
            before = np.roll(way, 1, axis=0)
            angle = np.arctan2(before[:, 0] * way[:, 1] - before[:, 1] * way[:, 0], (before * way).sum(axis=1))
            for x, y in corners[np.abs(angle) > np.pi / 3]:
                marked[min(int(y), len(truth) - 1), min(int(x), truth.shape[1] - 1)] = False
    return ndimage.distance_transform_edt(marked) <= pixels


def main(chips: str, pixel_size: str, group: str, *factors: str) -> None:
    warnings.simplefilter("ignore")
    print(f"{'factor':>6} {'network':<8}{'form':<8}" + "".join(f"{f'F1 {t:g} px':>11}" for t in TOLERANCES)
          + f"{'P 0.5 px':>11}{'R 0.5 px':>11}{'R corners':>11}{'pixels F1':>11}{'area bias':>11}")  # fmt: skip
    found = [chip for chip in find_chips(Path(chips)) if chip.group == group]
    for factor in map(int, factors or ("4",)):
        counts, ends, areas = defaultdict(list), defaultdict(list), defaultdict(list)
        for chip in found:
            height, width = (side // factor * factor for side in chip.size())
            image = np.moveaxis(chip.read_image(), -1, 0)[:, :height, :width]
            truth = chip.read_mask(chip.size())[:height, :width]
            fine = truth.repeat(FINER, 0).repeat(FINER, 1)[::factor, ::factor]
            known = np.ones_like(fine)
            corner = near_corners(fine, FINER)
            line = boundary(fine, known)
            with tempfile.TemporaryDirectory() as folder:
                for network, form, painted in outlines(Path(folder), image, truth, factor, float(pixel_size)):
                    case = network, form
                    areas[case].append((painted.sum(), fine.sum(), (painted & fine).sum()))
                    for tolerance in TOLERANCES:
                        counts[case, tolerance].append(
                            BoundaryCounts.of(painted, fine, known, tolerance=tolerance * FINER)
                        )
                    near = ndimage.distance_transform_edt(~boundary(painted, known)) <= 0.5 * FINER
                    ends[case].append(((line & near & corner).sum(), (line & corner).sum()))
        for case, parts in ends.items():
            pooled = {tolerance: BoundaryCounts.total(counts[case, tolerance]) for tolerance in TOLERANCES}
            met, corners = np.sum(parts, axis=0)
            ours, true, both = np.sum(areas[case], axis=0)
            half = pooled[0.5]
            numbers = (*(each.f1 for each in pooled.values()), half.precision, half.recall, met / corners,
                       2 * both / (ours + true), ours / true - 1)  # fmt: skip
            print(f"{factor:>6} {case[0]:<8}{case[1]:<8}" + "".join(f"{n:>11.4f}" for n in numbers), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
