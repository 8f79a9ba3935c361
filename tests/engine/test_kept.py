"""An engine that is used again says what a new one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landslide_cli.engine import kept
from landslide_cli.engine.choice import open_engine
from landslide_cli.engine.compiling import Compiled
from landslide_cli.engine.kept import KeptEngine
from landslide_cli.model.weights import find_model
from tests.conftest import noise
from tests.engine.conftest import SIZE, have


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_kept_engine_says_what_a_new_one_says(
    small_model: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "openvino":
        have("openvino", "platformdirs")
    _, card = find_model(small_model)
    loads: list[str] = []
    monkeypatch.setattr(kept, "open_engine", lambda **words: loads.append("load") or open_engine(**words))
    keeper = KeptEngine()
    words: dict[str, Any] = {
        "weights": small_model, "card": card, "engine": engine, "device": "cpu", "precision": "float32",
        "batch_size": None, "windows": 1,
    }  # fmt: skip
    for value_range, size in (((0, 255), SIZE), ((30, 200), SIZE), ((0, 255), 2 * SIZE), ((0, 255), SIZE)):
        pixels = noise(1, 3, size, size)
        here = {**words, "value_range": value_range, "size": size}
        assert np.array_equal(keeper(**here)(pixels), open_engine(**here)(pixels))
    assert loads == ["load"]
    keeper(**{**words, "value_range": (0, 255), "size": SIZE, "precision": "bfloat16"})
    assert loads == ["load"] * 2
    if engine == "torch":
        compiled = keeper(**{**words, "value_range": (0, 255), "size": SIZE, "windows": 10**6})
        assert isinstance(compiled._engine._network, Compiled)
