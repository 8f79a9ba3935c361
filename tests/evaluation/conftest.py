"""Chips and inventories with known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scipy import ndimage

from landslide_cli.cli import main
from landslide_cli.evaluation.chips import Viewed, judge_views
from landslide_cli.evaluation.summary import Evaluation
from tests.conftest import RANGE, StandIn, constant, noise


def random_mask(*shape: int, seed: int, part: float = 0.25) -> np.ndarray:
    """A random mask of smooth shapes."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    return field > np.quantile(field, 1 - part)


def evaluate(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


def refusal(*arguments: object, status: int = 1) -> str:
    result = evaluate(*arguments, status=status)
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


def write_image_and_mask(folder: Path, stem: str, image: np.ndarray, mask: np.ndarray | None) -> None:
    for kind, array in (("image", image), ("mask", mask)):
        if array is not None:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / kind / f"{stem}.png")


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    """Three images with landslides in groups a, a, b; two without in c."""
    data = tmp_path / "data"
    for number in range(3):
        write_image_and_mask(
            data / "slides", f"s{number}", noise(60, 70, 3, seed=number), random_mask(60, 70, seed=number)
        )
    for number in range(2):
        write_image_and_mask(data / "others", f"o{number}", noise(50, 50, 3, seed=9 + number), None)
    (data / "groups.csv").write_text("stem,group\ns0,a\ns1,a\ns2,b\no0,c\no1,c\n")
    return data


def views(chips: Path, zoom: float = 1.0) -> list[Viewed]:
    from landslide_cli.chips.chip import find_chips

    return [Viewed(chip, name, zoom) for name in ("slides", "others") for chip in find_chips(chips / name)]


def judged(engine: StandIn, some: list[Viewed], threshold: float = 0.5) -> Evaluation:
    done: list[tuple[int, int]] = []
    found = tuple(
        judge_views(
            engine, some, value_range=RANGE, threshold=threshold, tolerance=2, on_progress=lambda *now: done.append(now)
        )
    )
    assert done[-1][0] == done[-1][1] == sum(image.scores.pixels for image in found)
    return Evaluation("stand-in", {}, threshold, 2, found)


def constant_one() -> StandIn:
    engine = constant(1.0)
    engine.batch_size = 1
    return engine


@pytest.fixture
def found() -> np.ndarray:
    return random_mask(90, 70, seed=1)
