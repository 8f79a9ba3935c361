"""A batch with stand-ins for the network: what is done, and what a bad scene, an interruption and a kill change."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import rasterio
import shapely
from click.testing import Result
from numpy.typing import NDArray

from landslide_cli import Runtime
from landslide_cli.batch.ledger import LEDGER, Ledger
from landslide_cli.batch.ownership import Shard, owning
from landslide_cli.batch.planning import Batch
from landslide_cli.batch.running import carry_out, run_batch
from landslide_cli.errors import DeviceError, OptionError, OutputError, SceneError, TerrainError
from landslide_cli.files.interrupts import asked_to_stop
from tests.batch.conftest import assert_same, beside, go_batch, go_shard, image, layers, planned
from tests.conftest import UTM, MakeScene, StandIn, first_band


def test_a_bad_scene_does_not_stop_the_others(
    scenes: Path, tmp_path: Path, command: Callable[..., Result], make_scene: MakeScene
) -> None:
    whole = (scenes / "b.tif").read_bytes()
    (scenes / "b.tif").write_bytes(whole[:2000])
    (scenes / "bad.tif").write_text("no raster")
    make_scene(image()[:1], name="scenes/grey.tif")
    result = command(scenes, "-o", tmp_path / "out", "--json")
    assert result.exit_code == 1
    *_, first, second, third, last = result.stderr.splitlines()
    assert first.startswith(f"Failed: {scenes}/b.tif: ")
    assert second.startswith(f"Failed: {scenes}/bad.tif: can't be opened as a raster")
    assert "give a GeoTIFF" in second
    assert third.startswith(f"Failed: {scenes}/grey.tif: has 1 band of colour, but the model needs 3")
    assert last == (
        f"Error: 3 of 6 scenes failed, see {tmp_path}/out/failed.csv; mend them and start the same command again: "
        "the others stay done"
    )
    told = json.loads(result.stdout)
    assert [row["state"] for row in told["scenes"]] == ["done", "failed", "failed", "done", "done", "failed"]
    assert (told["done"], told["failed"], told["landslides"]) == (3, 3, 8)

    (scenes / "b.tif").write_bytes(whole)
    (scenes / "bad.tif").unlink()
    (scenes / "grey.tif").unlink()
    plan = command(scenes, "-o", tmp_path / "out", "--dry-run").stdout.splitlines()
    assert [line.split()[0] for line in plan[:-1]] == ["done", "failed", "done", "done"]
    assert plan[-1] == "4 scenes, 0.0 Mpx: 3 done, 1 to do (0.0 Mpx)"
    again = command(scenes, "-o", tmp_path / "out")
    assert again.exit_code == 0
    assert again.stdout.startswith(f"{tmp_path}/out/landslides.gpkg: 4 of 4 scenes, 10 landslides, 0.05 ha of 2.31 ha")


def test_what_a_library_says_of_one_scene_is_kept_with_its_trace(scenes: Path, tmp_path: Path, model: Path) -> None:
    broken = StandIn(lambda pixels: pixels / (1 / 0))
    summary = carry_out(planned(scenes, tmp_path / "out", model), engine=broken)
    assert (summary.out, summary.failed) == (None, 4)
    assert summary.scenes[0].reason.startswith("ZeroDivisionError: division by zero; this was not foreseen")
    assert summary.scenes[0].reason.endswith(f"report it with {tmp_path}/out/{LEDGER}/a.json")
    record = Ledger.of(tmp_path / "out").read("a")
    assert record is not None
    assert "Traceback" in record.trace


def test_what_every_scene_would_meet_stops_the_batch(
    scenes: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_device(batch: Batch) -> StandIn:
        raise DeviceError("no cuda")

    monkeypatch.setattr(Batch, "open_engine", no_device)
    with pytest.raises(DeviceError):
        carry_out(planned(scenes, tmp_path / "out", model))
    with pytest.raises(TerrainError, match="--min-slope 5 needs the heights"):
        planned(scenes, tmp_path / "out", model, min_slope_deg=5)


def test_a_batch_from_python_opens_the_model_once(
    scenes: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Batch] = []
    monkeypatch.setattr(Batch, "open_engine", lambda batch: opened.append(batch) or first_band())
    summary = run_batch([scenes], tmp_path / "out", runtime=Runtime(model=model), also=["mask"])
    assert (summary.done, summary.landslides, len(opened)) == (4, 10, 1)
    assert (tmp_path / "out" / "d_mask.tif").is_file()
    with pytest.raises(OptionError, match=r"also=\('masks',\): give some of probability, mask, spread, stac"):
        run_batch([scenes], tmp_path / "out", runtime=Runtime(model=model), also=["masks"])  # type: ignore[list-item]


def test_scenes_outside_of_the_area_are_no_failures(
    scenes: Path, tmp_path: Path, command: Callable[..., Result]
) -> None:
    with rasterio.open(scenes / "b.tif") as src:
        box = ",".join(map(str, src.bounds))
    result = command(scenes, "-o", tmp_path / "out", "--bbox", box)
    assert result.exit_code == 0
    assert "1 of 4 scenes (3 outside of the area of interest), 2 landslides" in result.stdout
    assert command(scenes, "-o", tmp_path / "out", "--bbox", box, "--dry-run").stdout.endswith(
        ": 4 done, 0 to do (0.0 Mpx)\n"
    )


def test_interrupted_it_keeps_what_is_done(
    scenes: Path, tmp_path: Path, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def interrupted(pixels: NDArray[Any]) -> NDArray[Any]:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return pixels[:, 0] / 254

    monkeypatch.setattr(Batch, "open_engine", lambda batch: StandIn(interrupted))
    result = command(scenes, "-o", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == ("Interrupted; 2 of 4 scenes done. The same command goes on from there.")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {LEDGER, "landslide.log", "a.gpkg", "b.gpkg"}


def test_a_failure_is_told_with_its_reason_at_once(
    scenes: Path, tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (scenes / "a.tif").write_text("no raster")
    with caplog.at_level(logging.INFO):
        go_batch(scenes, tmp_path / "out", model)
    told = [text for text in caplog.messages if text.startswith(f"{scenes}/a.tif: failed: can't be opened")]
    assert caplog.messages.index(told[0]) < caplog.messages.index(f"{scenes}/b.tif (2 of 4)")


@pytest.mark.parametrize(("broken", "last"), [({0, 4}, "done"), ({0, 4, 5}, "failed")])
def test_scenes_that_fail_are_tried_again_after_the_others(
    scenes: Path, tmp_path: Path, model: Path, broken: set[int], last: str
) -> None:
    calls: list[int] = []

    def unsteady(pixels: NDArray[Any]) -> NDArray[Any]:
        calls.append(len(calls))
        if calls[-1] in broken:
            raise SceneError("the connection broke")
        return pixels[:, 0] / 254

    summary = go_batch(scenes, tmp_path / "out", model, engine=StandIn(unsteady), retries=2)
    assert summary.done == 3 + (last == "done")
    lines = (tmp_path / "out" / "landslide.log").read_text().splitlines()
    assert [(line.split()[1], Path(line.split()[2].rstrip(":")).stem) for line in lines] == [
        ("failed", "a"), ("done", "b"), ("done", "c"), ("done", "d"), ("failed", "a"), (last, "a")
    ]  # fmt: skip


def test_a_second_run_in_a_folder_is_told_so_and_does_nothing(
    scenes: Path, tmp_path: Path, model: Path, command: Callable[..., Result]
) -> None:
    out = tmp_path / "out"
    with owning(out / LEDGER, Shard()):
        result = command(scenes, "-o", out)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith(
            f"Error: {out} is in use by another run of landslide batch; wait"
        )
    assert {path.name for path in out.iterdir()} == {LEDGER}
    assert command(scenes, "-o", out).exit_code == 0


def test_what_another_run_has_done_since_the_plan_is_not_done_again(scenes: Path, tmp_path: Path, model: Path) -> None:
    late = planned(scenes, tmp_path / "out", model)
    go_batch(scenes, tmp_path / "out", model)
    assert carry_out(late, engine=StandIn(lambda pixels: pixels / (1 / 0))).landslides == 10


def test_shares_are_the_whole_and_the_same_command_without_one_merges(
    scenes: Path, tmp_path: Path, model: Path, command: Callable[..., Result]
) -> None:
    out = tmp_path / "out"
    with owning(out / LEDGER, Shard(3, 3)):
        first = go_shard("1/3", scenes, out, model)
        assert (first.out, first.done, [Path(row.scene).name for row in first.scenes]) == (None, 2, ["a.tif", "d.tif"])
        result = command(scenes, "-o", out, "--shard", "2/3")
        assert result.stdout == (
            f"{out}: shard 2/3: 1 of 1 scene, 2 landslides; after all: landslide merge {out}/*.gpkg -o all.gpkg\n"
        )
    assert go_shard("3/3", scenes, out, model).done == 1
    assert not (out / "landslides.gpkg").exists()
    assert go_batch(scenes, out, model, engine=StandIn(lambda pixels: pixels / (1 / 0))).landslides == 10
    go_batch(scenes, tmp_path / "whole", model)
    assert_same(out / "landslides.gpkg", tmp_path / "whole" / "landslides.gpkg")
    assert go_shard("5/5", scenes, tmp_path / "more", model).done == 0


# Starts batches and kills them, without the time that imports take each time.
KILLER = """
import os, random, signal, sys, time
from landslide_cli import Runtime
from landslide_cli.batch.planning import plan_batch
from landslide_cli.batch.running import carry_out
from landslide_cli.engine import Engine
import landslide_cli.detection.run, landslide_cli.inventory.writer, geopandas, pyogrio, rasterio

class Slow(Engine):
    name, device, precision, batch_size = "stand-in", "cpu", "float32", 3
    def __call__(self, pixels, value_range):
        time.sleep(0.02)
        return (pixels[:, 0] / 254).astype("float32")

scenes, out, model, seed, kills = *sys.argv[1:4], *map(int, sys.argv[4:])
chance, killed = random.Random(seed), 0
while True:
    child = os.fork()
    if child == 0:
        carry_out(plan_batch([scenes], out, runtime=Runtime(model=model), also=["mask"]), engine=Slow())
        os._exit(0)
    if killed < kills:
        time.sleep(chance.uniform(0, 1.2))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not status:
        break
    assert os.WIFSIGNALED(status), status
    killed += 1
print(killed)
"""


def test_an_interrupt_that_a_library_loses_is_no_failed_scene(
    scenes: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(pixels: NDArray[Any]) -> NDArray[Any]:
        monkeypatch.setattr(asked_to_stop, "came", True)  # as the handler of the command line does
        raise AttributeError("module 'torch' has no attribute 'UntypedStorage'")

    with pytest.raises(KeyboardInterrupt, match=r"Interrupted; 0 of \d scenes done"):
        go_batch(scenes, tmp_path / "out", model, engine=StandIn(losing))
    assert not (tmp_path / "out" / "failed.csv").exists()
    monkeypatch.undo()
    assert go_batch(scenes, tmp_path / "out", model).failed == 0


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_killed_again_and_again_it_gives_what_an_unbroken_run_gives(scenes: Path, tmp_path: Path, model: Path) -> None:
    go_batch(scenes, tmp_path / "unbroken", model, mask=True)
    words = [scenes, tmp_path / "out", model, 1, 8]
    done = subprocess.run([sys.executable, "-c", KILLER, *map(str, words)], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0
    names, wanted = (
        {file.relative_to(folder) for file in folder.rglob("*")} for folder in (tmp_path / "out", tmp_path / "unbroken")
    )
    assert names == wanted
    for path in (tmp_path / "unbroken").glob("*.gpkg"):
        assert_same(tmp_path / "out" / path.name, path)
    for path in (tmp_path / "unbroken").glob("*.tif"):
        with rasterio.open(path) as one, rasterio.open(tmp_path / "out" / path.name) as other:
            assert (one.read() == other.read()).all()
    assert go_batch(scenes, tmp_path / "out", model, mask=True, engine=StandIn(lambda p: p / (1 / 0))).landslides == 10


def test_the_merged_inventory_holds_all_scenes(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    summary = go_batch(scenes, out, model)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        "a.gpkg", "b.gpkg", "c.gpkg", "d.gpkg", "landslide.log", "landslides.gpkg",
    ]  # fmt: skip
    single, merged = layers(out / "c.gpkg"), layers(out / "landslides.gpkg")
    ours = merged["landslides"][merged["landslides"]["scene"] == "c.tif"]
    assert ours["id"].tolist() == [4, 5, 6]
    assert ours["id_in_scene"].tolist() == [1, 2, 3]
    for name in set(single["landslides"].columns) - {"id"}:
        assert ours[name].tolist() == single["landslides"][name].tolist(), name
    assert (merged["landslides"][["seen", "analysed_by", "overlaps"]] == [1, 1, 0]).all(axis=None)
    assert len(merged["runs"]) == 4
    assert (summary.done, summary.landslides, summary.doubles) == (4, 10, 0)
    assert summary.area_m2 == pytest.approx(merged["landslides"]["area_m2"].sum(), abs=0.1)
    assert summary.analysed_m2 == pytest.approx(merged["analysed"]["area_m2"].sum(), abs=0.1)
    info = pyogrio.read_info(out / "landslides.gpkg", layer="landslides")
    assert info["dataset_metadata"]["LANDSLIDE_MODEL"] == "stand-in"


def test_where_scenes_overlap_a_landslide_is_there_once(
    tmp_path: Path, make_scene: MakeScene, command: Callable[..., Result]
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    # b lies 60 columns east of a, c 100 east of b: the second landslide of b ends at the edge, and goes on in c.
    make_scene(image((10, 70, 10, 12), (50, 10, 10, 10)), name="scenes/a.tif")
    make_scene(image((10, 10, 10, 12), (40, 90, 10, 10)), name="scenes/b.tif", transform=beside(1, 60))
    make_scene(image((40, 0, 10, 10)), name="scenes/c.tif", transform=beside(1, 160))
    make_scene(image(), name="scenes/empty.tif", transform=beside(1, 500))
    shown = command(folder, "-o", tmp_path / "out").stdout.splitlines()
    assert shown[0] == "2 records told of a landslide that another one stands for; 1 outline put together of several"
    assert shown[-1].startswith(f"{tmp_path}/out/landslides.gpkg: 4 of 4 scenes, 3 landslides, 0.03 ha of 2.08 ha")
    told = json.loads(command(folder, "-o", tmp_path / "out", "--json").stdout)
    assert (told["doubles"], told["joined"], told["overlapping"], told["crs"]) == (2, 1, 0, "EPSG:32648")
    merged = layers(tmp_path / "out" / "landslides.gpkg")["landslides"].set_index("id_in_scene")
    assert sorted(merged["scenes"]) == ["a.tif", "a.tif, b.tif", "b.tif, c.tif"]


def test_scenes_without_a_system_are_left_out_where_others_have_one(
    tmp_path: Path, make_scene: MakeScene, command: Callable[..., Result]
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    make_scene(image((10, 10, 5, 5)), name="scenes/a.tif", crs=None)
    alone = command(folder, "-o", tmp_path / "alone")
    assert alone.stdout.splitlines()[-1].endswith("1 of 1 scene, 1 landslide, areas unknown without a CRS")
    make_scene(image((20, 10, 5, 5)), name="scenes/b.tif")
    both = command(folder, "-o", tmp_path / "both")
    assert both.stdout.startswith("not in it, for they have no coordinate reference system as the others do: a.tif\n")
    assert layers(tmp_path / "both" / "landslides.gpkg")["landslides"]["scene"].tolist() == ["b.tif"]


def test_a_merged_inventory_that_is_open_or_has_layers_of_others(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    go_batch(scenes, out, model)
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(0, 0)], crs=UTM)
    frame.to_file(out / "landslides.gpkg", layer="field_points")
    with pytest.raises(OutputError, match="field_points"):
        go_batch(scenes, out, model)
