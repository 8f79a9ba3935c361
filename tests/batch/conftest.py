"""Scenes beside each other, and batches with stand-ins for the network."""

from __future__ import annotations

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

from landslide_cli.batch.finding import find_scenes
from landslide_cli.batch.ownership import Shard
from landslide_cli.batch.planning import Batch, plan_batch
from landslide_cli.batch.running import carry_out
from landslide_cli.batch.summary import BatchSummary
from landslide_cli.batch.tasks import ALSO
from landslide_cli.cli import main
from landslide_cli.cli.options import how
from landslide_cli.engine import Engine
from tests.conftest import TRANSFORM, MakeScene, first_band, stand_in_card

Band = NDArray[np.uint8]


SHAPE = (90, 100)


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


def planned(given: Any, out: Path, model: Path, *, recursive: bool = False, **settings: Any) -> Batch:
    """The plan of a batch; settings are fields of `View`, `PolygonRules` and `Runtime`, and what is written besides."""
    found = find_scenes([given] if isinstance(given, Path) else given, recursive=recursive)
    settings["model"] = model
    view, rules, runtime = how(settings)
    also = [kind for kind in ALSO if settings.pop(kind, False)]
    return plan_batch(found, out, view=view, rules=rules, runtime=runtime, also=also, **settings)


def go_batch(
    given: Any, out: Path, model: Path, *, engine: Engine | None = None, retries: int = 0, **settings: Any
) -> BatchSummary:
    return carry_out(planned(given, out, model, **settings), engine=engine or first_band(), retries=retries)


def go_shard(text: str, given: Any, out: Path, model: Path) -> BatchSummary:
    return go_batch(given, out, model, shard=Shard.parse(text))


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
    return planned(given, out, model, **settings).left


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, model: Path) -> Callable[..., Result]:
    """The command line with a stand-in for the network."""
    monkeypatch.setattr(Batch, "open_engine", lambda self: first_band())
    return lambda *words: CliRunner().invoke(main, ["batch", *map(str, words), "--model", str(model)])
