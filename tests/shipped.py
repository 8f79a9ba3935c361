"""What the shipped weights find on the demo scene, so that it can't drift unseen.

    python -m tests.shipped

records it anew, after weights were replaced or results changed on purpose. Numbers are kept, not checksums: processors
differ in the last digit of a sum, and test_shipped.py says by how much results may differ.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import rasterio
from numpy.typing import NDArray

from landslide_cli.demo import write_demo_scene
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import detect
from landslide_cli.model.weights import find_model, installed_weights
from landslide_cli.prediction.runtime import Runtime

RECORDED = Path(__file__).parent / "data" / "shipped.json"
SIZE = 1024
MEASURED = ("area_m2", "perimeter_m", "prob_mean", "prob_max", "lon", "lat")
# Engine and precision by which results are recorded, and which all others are compared with.
PLAIN = {"engine": "torch", "precision": "float32"}
MODELS = sorted(path.stem for path in installed_weights())


@dataclass(frozen=True)
class Found:
    """One run: the inventory, and stored probabilities."""

    slides: geopandas.GeoDataFrame
    probability: NDArray[np.uint8]

    @property
    def numbers(self) -> list[list[float]]:
        """Each landslide by what is measured of it, the largest first."""
        rows = self.slides.sort_values(["area_m2", "lon"], ascending=False)[list(MEASURED)]
        return [[float(f"{value:.8g}") for value in row] for row in rows.to_numpy()]


def demo_scene(folder: Path) -> Path:
    write_demo_scene(folder / "demo.tif", folder / "truth.gpkg", size=SIZE)
    return folder / "demo.tif"


def run(scene: Path, folder: Path, model: str, **runtime: Any) -> Found:
    folder.mkdir()
    outputs = Outputs(folder / "slides.gpkg", folder / "probability.tif")
    detect(scene, outputs, runtime=Runtime(model=model, device="cpu", **runtime))
    with rasterio.open(folder / "probability.tif") as src:
        return Found(pyogrio.read_dataframe(folder / "slides.gpkg", layer="landslides"), src.read(1))


def record() -> None:
    told = {}
    with tempfile.TemporaryDirectory() as work:
        scene = demo_scene(Path(work))
        for model in MODELS:
            found = run(scene, Path(work) / model, model, **PLAIN)
            told[model] = {
                "sha256": find_model(model)[1].sha256,
                "landslides": found.numbers,
                "mean_probability": round(float(found.probability.mean()) / 254, 6),
            }
            print(f"{model}: {len(found.slides)} landslides")
    text = json.dumps(told, indent=1)
    # A line for each landslide.
    text = re.sub(r"\[\s+(-?[\d.e-]+(?:,\s+-?[\d.e-]+)*)\s+\]", lambda row: f"[{' '.join(row[1].split())}]", text)
    RECORDED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
