"""Bands that others predict make the outputs of one process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from numpy.typing import NDArray

from landslide_cli.cluster.gathering import Gathering, SceneBands
from landslide_cli.cluster.workers import Workers
from landslide_cli.detection.joining import join
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.detection.summary import Summary
from landslide_cli.engine import Engine
from landslide_cli.errors import PredictionError
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.read import read_inventory
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.keeping import keeping
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, StandIn, blobs


@dataclass(frozen=True)
class Opener:
    """Opens an engine that gives the first band back, but NaN for a window that begins with ``fatal``."""

    fatal: int = 256

    def __call__(self) -> Engine:
        return StandIn(self._answer, batch_size=1)

    def _answer(self, pixels: NDArray[Any]) -> NDArray[Any]:
        answer = pixels[:, 0] / 254
        answer[pixels[:, 2, 0, 0] == self.fatal] = np.nan
        return answer


@dataclass
class Scenes:
    """Scenes that are open, with small windows and a band for every two rows of them."""

    plans: list[Plan]

    def outputs(self, number: int, name: str) -> Outputs:
        path = Path(self.plans[number].scene.src.name)
        return Outputs(path.with_suffix(f".{name}.gpkg"), path.with_suffix(f".{name}.tif"))

    def joined(self, number: int, strips: SceneBands) -> Summary:
        plan, outputs = self.plans[number], self.outputs(number, "apart")
        measurer = Measurer(plan.scene.ground, PolygonRules(threshold=plan.card.threshold))
        return join(plan, Opener()(), strips, outputs, measurer=measurer, files=outputs.claim())

    def assert_as_alone(self, number: int, summary: Summary) -> None:
        outputs = self.outputs(number, "alone")
        alone = run(self.plans[number], Opener()(), outputs)
        assert replace(alone, out=summary.out, probability=summary.probability) == summary
        assert summary.landslides > 1
        assert_geodataframe_equal(read_inventory(alone.out), read_inventory(summary.out))
        assert summary.probability is not None
        assert outputs.probability is not None
        assert outputs.probability.read_bytes() == Path(summary.probability).read_bytes()


@pytest.fixture
def scenes(make_scene: MakeScene, card: ModelCard) -> Iterator[Scenes]:
    with ExitStack() as stack:
        plans = []
        for number, height in enumerate((680, 300, 110, 400)):
            pixels = blobs(height, 200, seed=number)
            pixels[2, 96, 0] = 255 if number == 1 else 0  # noise is darker
            path = make_scene(pixels, name=f"{number}.tif")
            scene = stack.enter_context(open_scene(path, wanted=card.bands))
            plans.append(replace(make_plan(scene, card, largest=64, overlap=16), band=2))
        yield Scenes(plans)


def test_scenes_that_workers_predict_are_those_of_one_process(scenes: Scenes, client: Any) -> None:
    workers = Workers(client, Opener())
    gathering = Gathering(workers, [SceneBands(plan) for plan in scenes.plans])
    summaries = [scenes.joined(number, strips) for number, strips in enumerate(gathering)]
    assert len(summaries) == 4
    for number, summary in enumerate(summaries):
        scenes.assert_as_alone(number, summary)


def test_bands_under_way_are_bounded_and_later_scenes_are_among_them(scenes: Scenes, client: Any) -> None:
    workers = Workers(client, Opener())
    bands = [SceneBands(plan) for plan in scenes.plans]
    most, together = 0, False
    for number, strips in enumerate(Gathering(workers, bands)):
        for _ in strips:
            under_way = [scene.under_way for scene in bands]
            most = max(most, sum(under_way))
            together |= any(under_way[number + 1 :])
    assert together
    assert 2 < most <= workers.bound == 6


def test_a_scene_that_fails_does_not_stop_the_others(scenes: Scenes, client: Any) -> None:
    gathering = Gathering(Workers(client, Opener(fatal=255)), [SceneBands(plan) for plan in scenes.plans])
    done = []
    for number, strips in enumerate(gathering):
        if number == 1:
            with pytest.raises(PredictionError, match="NaN or infinity"):
                scenes.joined(number, strips)
        else:
            done.append(scenes.joined(number, strips))
    assert len(done) == 3


def test_what_is_finished_is_kept_and_taken_again(scenes: Scenes, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, outputs = scenes.plans[0], scenes.outputs(0, "apart")
    workers = Workers(client, Opener())
    with pytest.raises(KeyboardInterrupt) as stop, keeping(outputs.inventory, plan, workers.engine) as kept:
        for strips in Gathering(workers, [SceneBands(plan, kept)]):
            for strip in strips:
                if strip.top > 200:
                    strips.close()
                    raise KeyboardInterrupt
    assert "bands are kept, the same command goes on" in str(stop.value)
    sent: list[Any] = []
    usual = workers.send
    monkeypatch.setattr(workers, "send", lambda order: sent.append(order.rows) or usual(order))
    with keeping(outputs.inventory, plan, workers.engine) as kept:
        assert kept is not None
        there = len(kept.bands)
        assert there >= 2
        (strips,) = Gathering(workers, [SceneBands(plan, kept)])
        summary = scenes.joined(0, strips)
    assert len(sent) == 7 - there
    assert not [path for path in Path(outputs.inventory).parent.iterdir() if path.is_dir()]
    scenes.assert_as_alone(0, summary)


def test_one_scene_may_have_more_bands_than_are_under_way(scenes: Scenes, client: Any) -> None:
    workers = Workers(client, Opener())
    (strips,) = Gathering(workers, [SceneBands(replace(scenes.plans[0], band=1))])
    assert sum(len(strip.stored) for strip in strips) == 680
    assert strips.asked > workers.bound * 3


def test_progress_is_that_of_the_scene(scenes: Scenes, client: Any) -> None:
    told: list[tuple[int, int]] = []
    workers = Workers(client, Opener())
    for strips in Gathering(workers, [SceneBands(scenes.plans[0], on_progress=lambda *now: told.append(now))]):
        assert sum(len(strip.stored) for strip in strips) == 680
    assert told == sorted(told)
    assert told[-1] == (680 * 200, 680 * 200)


@dataclass(frozen=True)
class Deadly:
    """Ends its process, so that Dask sees a worker die."""

    parent: int = 0

    def __call__(self) -> Engine:
        return StandIn(self._answer, batch_size=1)

    def _answer(self, pixels: NDArray[Any]) -> NDArray[Any]:
        assert os.getpid() != self.parent
        os._exit(1)


@pytest.mark.slow
def test_a_band_that_kills_its_workers_is_told(scenes: Scenes) -> None:
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, memory_limit=0)
    with cluster, Client(cluster) as client:
        (strips,) = Gathering(Workers(client, Deadly(os.getpid())), [SceneBands(scenes.plans[2])])
        with pytest.raises(PredictionError, match=r"2.tif, rows 0 to 110: workers died of it again and again"):
            scenes.joined(2, strips)
