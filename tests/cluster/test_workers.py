from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from geopandas.testing import assert_geodataframe_equal

from landslide_cli import PolygonRules, Runtime, detect
from landslide_cli.cluster import orders, workers
from landslide_cli.cluster.workers import Workers, open_workers
from landslide_cli.engine import Engine
from landslide_cli.errors import ClusterError, DeviceError, LandslideError
from landslide_cli.inventory.read import read_inventory
from tests.conftest import MakeScene, blobs, first_band


def no_card() -> Engine:
    raise DeviceError("cuda was asked for, but this machine has none")


def test_a_worker_that_can_not_do_it_is_named_before_any_work(client: Any) -> None:
    with pytest.raises(ClusterError, match=r"worker inproc://.*: cuda was asked for"):
        Workers(client, no_card)


def test_other_versions_are_refused_before_any_work(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "__version__", "9.9")
    with pytest.raises(ClusterError, match=r"worker inproc://.* has landslide 9\.9, this is .*; give all the same"):
        Workers(client, first_band)


def test_workers_tell_how_they_predict(client: Any) -> None:
    found = Workers(client, first_band)
    assert (found.engine.name, found.engine.device, found.engine.precision) == ("stand-in", "cpu", "float32")
    assert found.count == 2


def test_a_cluster_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CONNECTING", "1s")
    for name, said in (
        ("tcp://127.0.0.1:9", "no scheduler answers"), ("nowhere", "neither a file nor an address"),
    ):  # fmt: skip
        with pytest.raises(ClusterError, match=said), open_workers(Runtime(cluster=name), first_band):
            pass
    (tmp_path / "scheduler.json").write_text("{}")
    runtime = Runtime(cluster=str(tmp_path / "scheduler.json"))
    with pytest.raises(ClusterError, match="no scheduler answers"), open_workers(runtime, first_band):
        pass


def test_workers_that_do_not_start_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **more: Any) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.SpecCluster", fail)
    said = r"can't be started \(Nanny.*fewer --workers"
    with pytest.raises(ClusterError, match=said), open_workers(Runtime(workers=2), first_band):
        pass


def test_a_worker_that_breaks_while_it_is_asked_is_not_called_another_version(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise OSError("gone")

    monkeypatch.setattr(workers, "version", broken)
    with pytest.raises(ClusterError, match=r"can't run landslide \(gone\); look at its log"):
        Workers(client, first_band)


def test_a_cluster_that_runs_is_joined_and_stays(
    client: Any, make_scene: MakeScene, small_model: Path, tmp_path: Path
) -> None:
    """Also by its scheduler file, with the very network."""
    scene, rules = make_scene(blobs(700, 100)), PolygonRules(threshold=0.01)
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": client.scheduler.address}))
    plain = Runtime(model=small_model, engine="torch", precision="float32")
    alone = detect(scene, tmp_path / "alone.gpkg", rules=rules, runtime=plain)
    for number, cluster in enumerate((client.scheduler.address, str(tmp_path / "scheduler.json"))):
        runtime = Runtime(model=small_model, engine="torch", precision="float32", cluster=cluster)
        summary = detect(scene, tmp_path / f"{number}.gpkg", rules=rules, runtime=runtime)
        assert summary.landslides == alone.landslides > 0
        assert_geodataframe_equal(read_inventory(summary.out), read_inventory(alone.out))
    assert client.submit(sum, [1, 2]).result() == 3


@pytest.mark.slow
def test_processes_are_started_and_end(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    import psutil

    scene = make_scene(blobs(700, 100))
    runtime = Runtime(model=small_model, engine="torch", precision="float32", workers=2)
    told: list[int] = []
    summary = detect(
        scene, tmp_path / "slides.gpkg", runtime=runtime,
        on_progress=lambda done, total: told.append(len(psutil.Process().children())),
    )  # fmt: skip
    assert max(told) >= 2
    assert summary.windows == 2
    left = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
    assert left == []


@pytest.mark.parametrize(
    "given", [{"workers": 0}, {"workers": 2, "cluster": "tcp://a:1"}, {"device": "cuda:0,cpu"},
              {"device": "cuda:0,cuda:1", "cluster": "tcp://a:1"}],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(LandslideError):
        Runtime(**given)
