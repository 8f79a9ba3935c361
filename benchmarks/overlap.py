"""What overlapping windows buys: seam error and F1 against the number of windows.

    python benchmarks/overlap.py SCENE TRUTH.gpkg [--model ID] [--resolution METRES] [--window PIXELS]

The reference is the network's answer on the whole scene in one pass. Seams are the rows and columns where windows
meet; there the step from pixel to pixel is compared with that of the one pass at the same places.
"""

from __future__ import annotations

import argparse

import geopandas
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.metrics.scores import Histogram
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.mosaic.blend import blend
from landslide_cli.mosaic.encoding import STEPS, stored_threshold
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.prediction.predictor import Predictor
from landslide_cli.scene.scene import open_scene
from landslide_cli.tiling.grid import Axis
from landslide_cli.tiling.resampling import Scaling

OVERLAPS = (0, 32, 64, 96, 128, 192)
WHOLE = 1 << 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scene")
    parser.add_argument("truth")
    parser.add_argument("--model", default="msasnet-rgb-s")
    parser.add_argument("--resolution", type=float)
    parser.add_argument("--window", type=int, default=512)
    given = parser.parse_args()
    weights, card = find_model(given.model)
    network = load_network(weights, card)
    with open_scene(given.scene, wanted=card.bands) as scene:
        drawn = geopandas.read_file(given.truth).to_crs(scene.crs)
        truth = rasterize(drawn.geometry, out_shape=(scene.height, scene.width), transform=scene.transform) > 0

        def plan(overlap: int, largest: int) -> Plan:
            return make_plan(scene, card, overlap=overlap, resolution_m=given.resolution, largest=largest)

        once = plan(0, WHOLE)
        whole = predict(once, network, card)
        print(f"{card.model_id}, windows of {given.window}, {once.size} in one pass, {once.working_m} m per pixel")
        print("| overlap | windows | difference to one pass | mask differs | step at seams, one pass = 1 | F1 |")
        print("|---|---|---|---|---|---|")
        for overlap in OVERLAPS:
            if overlap > given.window // 2:
                continue
            here = plan(overlap, given.window)
            found = predict(here, network, card)
            print(f"| {overlap} | {len(here.grid)} | {row(found, whole, truth, here, card.threshold)}")
        print(f"| one pass | 1 | {row(whole, whole, truth, once, card.threshold)}")


def predict(plan: Plan, network: object, card: ModelCard) -> NDArray[np.uint8]:
    """Stored probabilities of a plan, the whole scene in memory."""
    engine = TorchEngine(network, mean=card.mean, std=card.std, batch_size=1)  # type: ignore[arg-type]
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes):
        return np.concatenate(
            [strip.stored for strip in blend(Predictor(plan, engine), plan.grid, scene=(plan.rows, plan.cols))]
        )


def row(
    found: NDArray[np.uint8], whole: NDArray[np.uint8], truth: NDArray[np.bool_], plan: Plan, threshold: float
) -> str:
    apart = np.abs(found.astype(np.int16) - whole).mean() / STEPS
    limit = stored_threshold(threshold)
    other = ((found >= limit) != (whole >= limit)).mean()
    step = steps(found, plan) / max(steps(whole, plan), 1e-9) if len(plan.grid) > 1 else 1.0
    return f"{apart:.4f} | {other:.3%} | {step:.2f} | {Histogram.of(found, truth).scores(threshold).f1:.4f} |"


def steps(stored: NDArray[np.uint8], plan: Plan) -> float:
    """Mean step across the middle of each overlap, over both directions."""
    values = stored.astype(np.int16)
    rows, cols = seams(plan.grid.rows, plan.rows), seams(plan.grid.cols, plan.cols)
    down = np.abs(values[rows] - values[rows - 1])
    across = np.abs(values[:, cols] - values[:, cols - 1])
    return float(np.concatenate([down.ravel(), across.ravel()]).mean())


def seams(axis: Axis, scaling: Scaling) -> NDArray[np.intp]:
    """First of the scene's pixels in the second half of each overlap; with none, in each span but the first."""
    middles = [axis.start(number) + axis.overlap // 2 for number in range(1, axis.count)]
    return np.array([round(middle * scaling.factor) for middle in middles], dtype=np.intp)


if __name__ == "__main__":
    main()
