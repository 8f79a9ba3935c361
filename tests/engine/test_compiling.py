"""A compiled network says the same, and what can't be compiled runs as it is."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from landslide_cli.engine import compiling
from tests.conftest import noise
from tests.engine.conftest import SIZE, Asked, opened


def compiled_engine(model: Path) -> Asked:
    """The network of a run that is long enough to be compiled for."""
    return opened(model, precision="float32", windows=compiling.from_windows())


def test_a_network_that_cannot_be_compiled_runs_as_it_is(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", lambda network, **options: no_compiler)
    caplog.set_level(logging.INFO)
    pixels = noise(1, 3, SIZE, SIZE)
    engine = compiled_engine(small_model)
    expected = opened(small_model, precision="float32")(pixels)
    np.testing.assert_array_equal(engine(pixels), expected)
    np.testing.assert_array_equal(engine(pixels), expected)
    (line,) = [record.message for record in caplog.records]
    assert line == (
        "torch.compile failed (InvalidCxxCompiler: No working C++ compiler found); the network runs uncompiled"
    )


@pytest.mark.slow
def test_a_compiled_network_says_the_same(small_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="landslide_cli")
    pixels = noise(1, 3, SIZE, SIZE)
    found = compiled_engine(small_model)(pixels)
    if caplog.records:
        pytest.skip(caplog.records[0].message)
    np.testing.assert_allclose(found, opened(small_model, precision="float32")(pixels), atol=1e-5)


def test_only_long_runs_are_compiled(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "compile", lambda network, **options: asked.append(1) or network)
    least = compiling.from_windows()
    engine = opened(small_model, windows=least - 1).engine
    assert not asked
    engine.prepare(SIZE, least)
    assert asked
