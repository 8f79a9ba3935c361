"""Engines of small models, and a card that runs out of memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from landslide_cli.cli import main
from landslide_cli.engine import Engine
from landslide_cli.engine.choice import decide
from landslide_cli.model.weights import find_model
from tests.conftest import RANGE, MakeScene, StandIn, noise, write_small_model

SIZE = 64


# How far apart probabilities may be from those of torch in float32; docs/performance.md says where they were.
BOUNDS = {"float32": 1e-3, "bfloat16": 0.05, "int8": 0.2}


def have(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it comes with an extra")


class Asked:
    """An engine that is asked about pixels of one range."""

    def __init__(self, engine: Engine, value_range: tuple[float, float]) -> None:
        self.engine = engine
        self._range = value_range

    def __call__(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        return self.engine(pixels, self._range)


def opened(
    model: Path | str, *, value_range: tuple[float, float] | None = None, size: int = SIZE, windows: int = 1,
    **settings: Any,
) -> Asked:  # fmt: skip
    """A model in an engine that is ready; torch on the CPU by default."""
    weights, card = find_model(model)
    engine = decide(weights, card, **{"device": "cpu", "engine": "torch"} | settings).open()
    engine.prepare(size, windows)
    return Asked(engine, value_range or card.value_range)


class Card(StandIn):
    """A card on which so many windows at once are too many."""

    def __init__(self, most: int, batch_size: int) -> None:
        super().__init__(lambda pixels: pixels[:, 0] / 254, batch_size)
        self.most = most
        self.asked: list[int] = []

    def __call__(self, pixels: NDArray[Any], value_range: tuple[float, float] = RANGE) -> NDArray[np.float32]:
        self.asked.append(len(pixels))
        if len(pixels) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.function(pixels).astype(np.float32)


@pytest.fixture
def refused(tmp_path: Path, make_scene: MakeScene, small_model: Path) -> Callable[..., str]:
    """Run `landslide detect`; give the one line on stderr. Nothing may have been written."""
    scene = make_scene(noise(3, SIZE, SIZE))

    def run(*arguments: object, model: Path = small_model) -> str:
        command = ["detect", scene, "-o", tmp_path / "a.gpkg", "--model", model, *arguments]
        result = CliRunner().invoke(main, list(map(str, command)))
        assert result.exit_code == 1, result.output
        assert not (tmp_path / "a.gpkg").exists()
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        return line

    return run


@pytest.fixture(scope="session")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    have("openvino", "platformdirs")
    model = write_small_model(tmp_path_factory.mktemp("export") / "models")
    out = model.with_name("exported.xml")
    result = CliRunner().invoke(main, ["export", str(model), "--format", "openvino", "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def exported(exported_once: Path, small_model: Path) -> Path:
    """An OpenVINO model beside the weights that it was made of."""
    for ending in (".bin", ".xml"):
        shutil.copy(exported_once.with_suffix(ending), small_model.with_name(f"exported{ending}"))
    return small_model.with_name("exported.xml")


def largest_weight(path: Path) -> int:
    """Of an int8 model's stored weights, of either sign."""
    import openvino

    stored = [op for op in openvino.Core().read_model(path).get_ordered_ops() if op.get_type_name() == "Constant"]
    weights = [op.data for op in stored if op.get_output_element_type(0).get_type_name() == "i8"]
    assert weights
    return max(int(np.abs(values.astype(int)).max()) for values in weights)
