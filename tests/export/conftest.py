"""A small model, what torch says of it, and which packages a format needs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.model.weights import find_model, load_network
from tests.conftest import write_small_model

NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "pt2": (), "openvino": ("openvino",)}


# 64 pixels leave 4×4 at the bridge, which neither 3 nor 6 bins of the pyramid divide, as 32×32 is not.
SIDE = 64


def need_format(kind: str) -> None:
    for package in NEEDED[kind]:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it comes with an extra")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("export") / "models")


def torch_says(small: Path, pixels: np.ndarray) -> np.ndarray:
    """What the engine of `detect` gives in float32."""
    weights, card = find_model(small)
    engine = TorchEngine(
        load_network(weights, card), mean=card.mean, std=card.std, batch_size=len(pixels), device="cpu",
        precision="float32",
    )  # fmt: skip
    return engine(pixels, card.value_range)
