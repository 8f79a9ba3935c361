"""terratorch: `tiled_inference` of the whole scene as a tensor.

Its module is loaded by itself: the package imports all of its networks and data sets on the way (torchgeo,
albumentations, diffusers, lightly, torchvision ...), which this function never calls. `pad_images`, the one name that
the module takes from its package, isn't called either.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import rasterio
import torch
from asked import request
from common import OVERLAP, SIZE, counted, network, save_probability, tell, write_polygons


def load_tiled_inference() -> Any:
    """Run terratorch/tasks/tiled_inference.py without its package."""
    for name in ("terratorch", "terratorch.models", "terratorch.models.utils"):
        sys.modules[name] = ModuleType(name)
    sys.modules["terratorch.models.utils"].pad_images = None  # type: ignore[attr-defined]
    (root,) = (place for entry in sys.path if (place := Path(entry) / "terratorch" / "tasks").is_dir())
    spec = importlib.util.spec_from_file_location("tiled_inference", root / "tiled_inference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.tiled_inference


def main() -> None:
    given = request()
    tiled_inference = load_tiled_inference()
    with rasterio.open(given.scene) as src:
        image = torch.from_numpy(src.read((1, 2, 3))).float()[None]
    # Its padding can't be without a border that is cut off each window (delta).
    equal = {"crop": SIZE, "stride": SIZE - OVERLAP, "delta": 0, "padding": False, "batch_size": 1}
    counter = counted(given, network(given))
    probability = tiled_inference(counter, image, **(equal if given.equal else {}))[0, 0].numpy()
    save_probability(given, probability)
    polygons = write_polygons(probability >= given.threshold, given.scene, given.out)
    tell(polygons, "terratorch", counter)


if __name__ == "__main__":
    main()
