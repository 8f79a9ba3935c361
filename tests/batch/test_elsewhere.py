"""A batch whose bands workers predict is the batch of one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import pytest
from click.testing import CliRunner, Result

from landslide_cli import Runtime
from landslide_cli.batch.planning import plan_batch
from landslide_cli.batch.running import carry_out
from landslide_cli.cli import main
from landslide_cli.cluster import workers
from tests.batch.conftest import beside
from tests.conftest import MakeScene, blobs


@pytest.fixture
def scenes(tmp_path: Path, make_scene: MakeScene) -> Path:
    """Three scenes, and one that is none between them."""
    (tmp_path / "scenes").mkdir()
    for number, name in enumerate("acd"):
        make_scene(blobs(300, 100, seed=number), name=f"scenes/{name}.tif", transform=beside(number))
    (tmp_path / "scenes" / "b.tif").write_text("no raster")
    return tmp_path / "scenes"


def batch(scenes: Path, out: Path, model: Path, *words: object) -> Result:
    given = ["batch", scenes, "-o", out, "--model", model, "--engine", "torch", "--precision", "float32",
             "--threshold", 0.3, *words]  # fmt: skip
    return CliRunner().invoke(main, list(map(str, given)))


def assert_same(one: Path, other: Path) -> None:
    names = sorted(path.name for path in one.glob("*.gpkg"))
    assert (
        names == sorted(path.name for path in other.glob("*.gpkg")) == ["a.gpkg", "c.gpkg", "d.gpkg", "landslides.gpkg"]
    )
    for name in names:
        for layer in ("landslides", "analysed"):
            frames = [geopandas.read_file(folder / name, layer=layer) for folder in (one, other)]
            assert frames[0].equals(frames[1]), (name, layer)


def test_workers_do_what_one_process_does(scenes: Path, client: Any, small_model: Path, tmp_path: Path) -> None:
    alone = batch(scenes, tmp_path / "alone", small_model)
    found = batch(scenes, tmp_path / "apart", small_model, "--cluster", client.scheduler.address, "--retries", 1)
    for result in (alone, found):
        assert result.exit_code == 1, result.output
        assert "1 of 4 scenes failed" in result.output
        assert "b.tif: failed: can't be opened as a raster" in result.output
    assert "2 workers: torch on cpu, float32" in found.output
    assert_same(tmp_path / "alone", tmp_path / "apart")
    (scenes / "b.tif").unlink()
    again = batch(scenes, tmp_path / "apart", small_model)
    assert again.exit_code == 0, again.output
    assert "3 done, 0 to do" in again.output


def test_a_scene_of_which_a_band_fails_does_not_stop_the_others(
    scenes: Path, client: Any, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = workers.Workers.take

    def take(self: Any, future: Any) -> Any:
        packed = usual(self, future)
        if packed.asked and taken.append(packed) is None and len(taken) == 2:
            raise workers.LostBandError("workers died of it again and again")
        return packed

    taken: list[Any] = []
    monkeypatch.setattr(workers.Workers, "take", take)
    runtime = Runtime(model=small_model, engine="torch", precision="float32", cluster=client.scheduler.address)
    summary = carry_out(plan_batch([scenes], tmp_path / "out", runtime=runtime))
    assert [(Path(row.scene).name, row.state) for row in summary.scenes] == [
        ("a.tif", "done"), ("b.tif", "failed"), ("c.tif", "failed"), ("d.tif", "done"),
    ]  # fmt: skip
    assert "c.tif, rows 0 to 300: workers died of it" in summary.scenes[2].reason


def test_the_last_scenes_are_cut_for_all_workers(
    client: Any, small_model: Path, tmp_path: Path, make_scene: MakeScene
) -> None:
    (tmp_path / "tall").mkdir()
    tall = [make_scene(blobs(1600, 40), name=f"tall/{name}.tif", transform=beside(number))
            for number, name in enumerate("abc")]  # fmt: skip
    pixels, told = 1600 * 40, []
    runtime = Runtime(model=small_model, engine="torch", precision="float32", cluster=client.scheduler.address)
    carry_out(plan_batch(tall, tmp_path / "out", runtime=runtime), on_progress=lambda done, _: told.append(done))
    inside = {done // pixels for done in told if done % pixels}
    assert inside == {1, 2}  # two workers; while they predict a.tif in one band, the others follow
