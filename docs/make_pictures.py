"""Draws the picture in the README from the outputs of `make demo`.

python docs/make_pictures.py demo/demo.tif demo/slides.gpkg demo/demo_truth.gpkg docs/demo.png
"""

from __future__ import annotations

import sys

import geopandas
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import rasterio
from matplotlib.lines import Line2D
from PIL import Image
from rasterio.plot import plotting_extent


def main(scene: str, slides: str, truth: str, out: str) -> None:
    with rasterio.open(scene) as src:
        image, extent = src.read([1, 2, 3]).transpose(1, 2, 0), plotting_extent(src)
    found = geopandas.read_file(slides, layer="landslides")
    true = geopandas.read_file(truth)
    figure, axes = plt.subplots(figsize=(8, 8), dpi=110)
    axes.imshow(image, extent=extent)
    true.boundary.plot(ax=axes, color="white", linewidth=0.8, linestyle=(0, (3, 2)))
    found.plot(ax=axes, column="prob_mean", cmap="YlOrRd", vmin=0.5, vmax=1, alpha=0.35)
    found.boundary.plot(ax=axes, color="#ff3b1f", linewidth=1.1)
    axes.legend(
        handles=[
            Line2D([], [], color="#ff3b1f", label=f"{len(found)} found by landslide detect"),
            Line2D([], [], color="white", linestyle="--", label=f"{len(true)} true scars (synthetic scene)"),
        ],
        loc="lower left",
        facecolor="#222222",
        labelcolor="white",
        framealpha=0.8,
    )
    axes.set_axis_off()
    figure.savefig(out, bbox_inches="tight", pad_inches=0.02)
    # A palette makes a third of the file; every version of it stays in the history.
    Image.open(out).convert("RGB").quantize(128).save(out, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
