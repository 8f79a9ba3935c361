"""Scenes beside each other, and batches with stand-ins for the network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
from affine import Affine
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from landslide_cli.batch import running
from landslide_cli.batch.planning import plan_batch
from landslide_cli.batch.running import BatchSummary, run_batch
from landslide_cli.cli import main
from tests.conftest import TRANSFORM, MakeScene, StandIn, first_band, stand_in_card

Band = NDArray[np.uint8]


SHAPE = (90, 100)


def opener(*_: Any, **__: Any) -> StandIn:
    return first_band()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose weights nobody reads."""
    weights = tmp_path / "models" / "stand-in.safetensors"
    weights.parent.mkdir()
    weights.touch()
    stand_in_card().write(weights.with_suffix(".json"))
    return weights


def image(*slides: tuple[int, int, int, int]) -> Band:
    """A scene of three bands with landslides at (top, left, height, width)."""
    pixels = np.full((3, *SHAPE), 20, np.uint8)
    for top, left, height, width in slides:
        pixels[0, top : top + height, left : left + width] = 200
    return pixels


def beside(number: int, pixels: int = SHAPE[1]) -> Affine:
    """The place of a scene ``number`` times so many pixels to the east."""
    return TRANSFORM @ Affine.translation(number * pixels, 0)


@pytest.fixture
def scenes(tmp_path: Path, make_scene: MakeScene) -> Path:
    """A folder of four scenes beside each other with 1, 2, 3, 4 landslides."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(4):
        slides = [(10 + 20 * n, 10 + number, 8, 9 + n) for n in range(number + 1)]
        make_scene(image(*slides), name=f"scenes/{'abcd'[number]}.tif", transform=beside(number))
    return folder


def go_batch(given: Any, out: Path, model: Path, **settings: Any) -> BatchSummary:
    given = [given] if isinstance(given, Path) else given
    return run_batch(plan_batch(given, out, model=model, **settings), opener=opener)


def layers(path: Path) -> dict[str, Any]:
    """What an inventory holds but for the times of its runs."""
    found = {name: geopandas.read_file(path, layer=name) for name in ("landslides", "analysed")}
    runs = pyogrio.read_dataframe(path, layer="runs").drop(columns=["started", "ended", "command"])
    return {**found, "runs": runs}


def assert_same(one: Path, other: Path) -> None:
    there = layers(other)
    for name, frame in layers(one).items():
        assert frame.equals(there[name]), name


def left(given: Any, out: Path, model: Path, **settings: Any) -> dict[str, str]:
    return plan_batch([given], out, model=model, **settings).left


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, model: Path) -> Callable[..., Result]:
    """The command line with a stand-in for the network."""
    monkeypatch.setattr(running, "KeptEngine", lambda: opener)
    return lambda *words: CliRunner().invoke(main, ["batch", *map(str, words), "--model", str(model)])


PROCESS = """
import logging, sys, time
from landslide_cli.batch.planning import plan_batch
from landslide_cli.batch.running import run_batch

class Slow:
    name, device, precision, batch_size = "stand-in", "cpu", "float32", 3
    def __call__(self, pixels):
        time.sleep(float(sys.argv[4]))
        return (pixels[:, 0] / 254).astype("float32")

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
batch = plan_batch([sys.argv[1]], sys.argv[2], model=sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
print(run_batch(batch, opener=lambda *_, **__: Slow()).landslides, flush=True)
"""


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
