"""Draws the pictures in the README: what `detect` has found over what is there.

python docs/make_pictures.py demo/demo.tif demo/slides.gpkg demo/demo_truth.gpkg docs/demo.png
python docs/make_pictures.py docs/real/sichuan_023.jpg real.gpkg sichuan/mask/sichuan_023.png docs/real/found.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import rasterio
import shapely
from matplotlib.lines import Line2D
from PIL import Image
from rasterio.features import shapes
from rasterio.io import DatasetReader
from rasterio.plot import plotting_extent

FOUND, TRUE = "#ff3b1f", "white"


def main(scene: str, slides: str, truth: str, out: str) -> None:
    with rasterio.open(scene) as src:
        image, extent = src.read([1, 2, 3]).transpose(1, 2, 0), plotting_extent(src)
        true = outlines(truth, src)
    found = geopandas.read_file(slides, layer="landslides")
    figure, axes = plt.subplots(figsize=(8, 8), dpi=110)
    axes.imshow(image, extent=extent)
    true.boundary.plot(ax=axes, color=TRUE, linewidth=0.8, linestyle=(0, (3, 2)))
    found.plot(ax=axes, column="prob_mean", cmap="YlOrRd", vmin=0.5, vmax=1, alpha=0.35)
    found.boundary.plot(ax=axes, color=FOUND, linewidth=1.1)
    there = "true scars (synthetic scene)" if truth.endswith(".gpkg") else "drawn by the publisher of the image"
    axes.legend(
        handles=[
            Line2D([], [], color=FOUND, label=f"{len(found)} found by landslide detect"),
            Line2D([], [], color=TRUE, linestyle="--", label=f"{len(true)} {there}"),
        ],
        loc="lower left",
        facecolor="#222222",
        labelcolor="white",
        framealpha=0.8,
    )
    axes.set_axis_off()
    if Path(out).suffix == ".jpg":
        figure.savefig(out, bbox_inches="tight", pad_inches=0.02, pil_kwargs={"quality": 85, "optimize": True})
        return
    figure.savefig(out, bbox_inches="tight", pad_inches=0.02)
    # A palette makes a third of the file; every version of it stays in the history.
    Image.open(out).convert("RGB").quantize(128).save(out, optimize=True)


def outlines(truth: str, scene: DatasetReader) -> geopandas.GeoDataFrame:
    """The landslides of a vector file, or of a mask with the scene's pixels: those that aren't mere specks."""
    if truth.endswith(".gpkg"):
        return geopandas.read_file(truth)
    with rasterio.open(truth) as src:
        mask = src.read(1)
    drawn = [
        shapely.geometry.shape(shape)
        for shape, _ in shapes(mask, mask=mask > 0, connectivity=8, transform=scene.transform)
    ]
    frame = geopandas.GeoDataFrame(geometry=drawn, crs=scene.crs)
    return frame[frame.area > frame.area.max() / 100]


if __name__ == "__main__":
    main(*sys.argv[1:])
