"""Pixel scores of a predicted probability raster, or of a fresh run, against a hand-drawn inventory.

    python benchmarks/score_scene.py SCENE TRUTH.gpkg [landslide detect options]

Prints precision, recall, F1 and IoU at the model's threshold, pixels pooled over the whole scene, and how many
landslides of the truth are met by a predicted one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas
import rasterio
from rasterio.features import rasterize

from landslide_cli.metrics.scores import Histogram


def main(scene: str, truth: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out, probability = Path(folder) / "slides.gpkg", Path(folder) / "prob.tif"
        start = time.perf_counter()
        command = [sys.executable, "-m", "landslide_cli", "detect", scene, "-o", str(out)]
        subprocess.run([*command, "--probability", str(probability), *options], check=True)
        seconds = time.perf_counter() - start
        slides = geopandas.read_file(out, layer="landslides")
        with rasterio.open(probability) as src:
            stored, transform, tags = src.read(1), src.transform, src.tags()
    with rasterio.open(scene) as src:
        drawn = geopandas.read_file(truth).to_crs(src.crs)
    painted = rasterize(drawn.geometry, out_shape=stored.shape, transform=transform) > 0
    threshold = float(tags["LANDSLIDE_THRESHOLD"])
    scores = Histogram.of(stored, painted).scores(threshold)
    met = drawn.intersects(slides.union_all()).sum() if len(slides) else 0
    print(
        f"model      {tags['LANDSLIDE_MODEL']} {tags['LANDSLIDE_WEIGHTS_SHA256'][:12]}, {tags['LANDSLIDE_PRECISION']}"
    )
    print(f"threshold  {threshold:.2f}")
    for name in ("precision", "recall", "f1", "iou"):
        print(f"{name:<11}{getattr(scores, name):.4f}")
    print(f"met        {met} of {len(drawn)} drawn landslides by {len(slides)} found")
    print(f"run        {seconds:.0f} s, {stored.size / 1e6 / seconds:.3f} Mpx/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
