from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from landslide_cli.detection.timing import measure
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import StandIn, noise


def test_the_network_alone_is_asked_as_often_as_the_run_asks(
    make_scene: Callable[..., Path], card: ModelCard, tmp_path: Path
) -> None:
    asked = 0

    def count(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        nonlocal asked
        asked += 1
        return pixels[:, 0] / np.float32(255)

    image = noise(3, 1100, 1500)
    image[:, :, 700:] = 0
    with open_scene(make_scene(image, nodata=0), wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        found = measure(plan, StandIn(count, batch_size=2), tmp_path)
    names = [stage.name for stage in found.stages]
    assert names == ["network", "reading", "prediction", "polygons", "run"]
    assert 0 < found.windows < len(plan.grid)
    # Once to warm up, then the same number of calls alone, in the prediction and in the run.
    assert (asked - 1) % 3 == 0
    assert (asked - 1) // 3 >= found.windows / 2
    for stage in found.stages:
        assert stage.mpx_per_s == pytest.approx(found.megapixels / stage.seconds)
        assert stage.share == pytest.approx(stage.mpx_per_s / found.stages[0].mpx_per_s)
