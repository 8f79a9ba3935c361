"""Many scenes with stand-ins for the network: what is done, by whom, what is done again, what the merged file holds."""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import landslide_cli
from landslide_cli.batch import ledger as ledgers
from landslide_cli.batch import running
from landslide_cli.batch.ledger import Ledger, Record
from landslide_cli.batch.planning import LEDGER, plan_batch
from landslide_cli.batch.running import BatchSummary, run_batch
from landslide_cli.batch.tasks import Settings, attempt
from landslide_cli.cli import main
from landslide_cli.errors import DeviceError, OutputError, SceneError, TerrainError
from tests.conftest import TRANSFORM, StandIn, first_band, stand_in_card

MakeScene = Callable[..., Path]
Band = NDArray[np.uint8]
SHAPE = (90, 100)
NEW = ["id_in_scene", "overlaps"]


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


def go(given: Any, out: Path, model: Path, **settings: Any) -> BatchSummary:
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


def test_the_merged_inventory_is_all_inventories_one_after_the_other(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    summary = go(scenes, out, model)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        "a.gpkg", "b.gpkg", "c.gpkg", "d.gpkg", "landslides.gpkg",
    ]  # fmt: skip
    singles = []
    for name in "abcd":
        single = tmp_path / f"{name}.gpkg"
        landslide_cli.detect(scenes / f"{name}.tif", single, model=model, opener=opener)
        assert_same(single, out / f"{name}.gpkg")
        singles.append(layers(single))
    merged = layers(out / "landslides.gpkg")
    for layer, frame in merged.items():
        rows = [row for single in singles for row in single[layer].itertuples(index=False)]
        if layer == "landslides":
            assert frame["id"].tolist() == list(range(1, 11))
            assert (frame["overlaps"] == 0).all()
            frame = frame.assign(id=frame["id_in_scene"]).drop(columns=NEW)
        assert list(frame.columns) == list(singles[0][layer].columns)
        assert [str(row) for row in frame.itertuples(index=False)] == [str(row) for row in rows]
    assert merged["landslides"].crs == "EPSG:32648"
    assert merged["landslides"]["scene"].tolist() == [f"{name}.tif" for name, n in zip("abcd", range(1, 5), strict=True)
                                                      for _ in range(n)]  # fmt: skip
    assert (summary.done, summary.failed, summary.landslides) == (4, 0, 10)
    assert summary.area_m2 == pytest.approx(sum(single["landslides"]["area_m2"].sum() for single in singles))
    assert summary.analysed_m2 == pytest.approx(sum(single["analysed"]["area_m2"].sum() for single in singles))
    styles = pyogrio.read_dataframe(out / "landslides.gpkg", layer="layer_styles", read_geometry=False)
    assert set(styles["f_table_name"]) == {"landslides", "analysed"}
    assert pyogrio.read_info(out / "landslides.gpkg", layer="landslides")["dataset_metadata"]["LANDSLIDE_MODEL"]


def test_long_layers_are_merged_in_pieces(
    scenes: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [scenes / "c.tif", scenes / "a.tif"]
    go(some, tmp_path / "one", model)
    monkeypatch.setattr("landslide_cli.batch.merging.ROWS", 2)
    go(some, tmp_path / "two", model)
    assert_same(tmp_path / "one" / "landslides.gpkg", tmp_path / "two" / "landslides.gpkg")


def test_only_what_has_changed_is_done_again(
    scenes: Path, tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    assert left(scenes, out, model) == dict.fromkeys("abcd", "new")
    assert not out.exists()
    go(scenes, out, model)
    area = tmp_path / "area.geojson"
    box = geopandas.GeoDataFrame(geometry=[shapely.box(*rasterio.open(scenes / "a.tif").bounds)], crs="EPSG:32648")
    box.to_file(area)
    assert left(scenes, out, model) == left(scenes, out, model, device="cuda", batch_size=8) == {}
    assert left(scenes, out, model, threshold=0.4) == dict.fromkeys("abcd", "changed: threshold")
    assert left(scenes, out, model, threshold=0.5) == {}
    assert set(left(scenes, out, model, aoi=area).values()) == {"changed: aoi"}
    assert left(scenes, out, model, mask=True)["a"] == "missing: a_mask.tif"
    stand_in_card().write(model.with_suffix(".json"))
    assert left(scenes, out, model) == {}
    replace(stand_in_card(), sha256="1" * 64).write(model.with_suffix(".json"))
    assert left(scenes, out, model) == dict.fromkeys("abcd", "changed: model")
    stand_in_card().write(model.with_suffix(".json"))

    with rasterio.open(scenes / "b.tif", "r+") as dst:
        dst.write(image((50, 50, 10, 10)))
    (out / "d.gpkg").unlink()
    (scenes / "a.tif.aux.xml").write_text("<PAMDataset/>")  # as QGIS leaves it
    assert left(scenes, out, model) == {"b": "changed: scene", "d": "missing: d.gpkg"}
    with caplog.at_level(logging.INFO):
        summary = go(scenes, out, model)
    assert [text.split(" (")[0] for text in caplog.messages if " of 2)" in text] == [
        str(scenes / "b.tif"), str(scenes / "d.tif")
    ]  # fmt: skip
    assert summary.landslides == 1 + 1 + 3 + 4
    go(scenes, tmp_path / "anew", model)
    assert_same(out / "landslides.gpkg", tmp_path / "anew" / "landslides.gpkg")
    stamp = (out / "landslides.gpkg").stat().st_mtime_ns
    assert replace(go(scenes, out, model)) == summary
    assert (out / "landslides.gpkg").stat().st_mtime_ns == stamp


def test_a_raster_of_other_settings_does_not_pass_for_the_one_asked_for(
    scenes: Path, tmp_path: Path, model: Path
) -> None:
    go(scenes / "a.tif", tmp_path / "out", model, mask=True, probability=True, stac=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {LEDGER, "landslides.gpkg", "a.gpkg", "a.json", "a_mask.tif", "a_mask.qml", "a_probability.tif",
                     "a_probability.qml"}  # fmt: skip
    go(scenes / "a.tif", tmp_path / "out", model, threshold=0.9)
    assert left(scenes / "a.tif", tmp_path / "out", model, threshold=0.9) == {}
    # The mask that lies there is that of the first run.
    assert (
        "a_mask.tif" in left(scenes / "a.tif", tmp_path / "out", model, threshold=0.9, mask=True, overwrite=True)["a"]
    )


def test_what_the_batch_did_not_write_is_not_replaced(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (scenes / "a.tif").unlink()
    (scenes / "c.tif").unlink()
    (out / "b.gpkg").write_text("mine")
    with pytest.raises(OutputError, match=r"didn't write, or that were changed since: b\.gpkg; .*--overwrite"):
        go(scenes, out, model)
    # A process was killed when its output had its name and its record had not.
    (out / LEDGER).mkdir()
    claim = out / LEDGER / "b.claim.1"
    claim.write_text(json.dumps({"host": "elsewhere", "pid": 1, "start": ""}))
    os.utime(claim, (0, 0))
    assert left(scenes, out, model) == {"b": "new", "d": "new"}
    claim.unlink()
    go(scenes, out, model, overwrite=True)
    # Edited by hand, it stays, and the merged inventory follows it.
    drop_first(out / "d.gpkg")
    assert go(scenes, out, model).landslides == 5
    with pytest.raises(OutputError, match=r"changed since: d\.gpkg"):
        go(scenes, out, model, threshold=0.4)
    assert go(scenes, out, model, threshold=0.4, overwrite=True).landslides == 6
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file is a file; name a folder"):
        go(scenes, tmp_path / "file", model)
    with pytest.raises(OutputError, match="does not exist; make it first"):
        go(scenes, tmp_path / "no" / "where", model)


def drop_first(path: Path) -> None:
    frame = geopandas.read_file(path, layer="landslides")
    frame[1:].to_file(path, layer="landslides", driver="GPKG", engine="pyogrio")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, model: Path) -> Callable[..., Result]:
    """The command line with a stand-in for the network."""
    monkeypatch.setattr(running, "KeptEngine", lambda: opener)
    return lambda *words: CliRunner().invoke(main, ["batch", *map(str, words), "--model", str(model)])


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
    assert "bad.tif can't be opened as a raster" in second
    assert "give a GeoTIFF" in second
    assert "grey.tif has 1 band of colour, but the model needs 3" in third
    assert last == "Error: 3 of 6 scenes failed; mend them and start the same command again: the others stay done"
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
    summary = run_batch(plan_batch([scenes], tmp_path / "out", model=model), opener=lambda *_, **__: broken)
    assert (summary.out, summary.failed) == (None, 4)
    assert summary.scenes[0].reason.startswith("ZeroDivisionError: division by zero; this was not foreseen")
    assert summary.scenes[0].reason.endswith(f"report it with {tmp_path}/out/{LEDGER}/a.json")
    record = Ledger(tmp_path / "out" / LEDGER).read("a")
    assert record is not None
    assert "Traceback" in record.trace


def test_what_every_scene_would_meet_stops_the_batch(scenes: Path, tmp_path: Path, model: Path) -> None:
    def no_device(*_: Any, **__: Any) -> StandIn:
        raise DeviceError("no cuda")

    with pytest.raises(DeviceError):
        run_batch(plan_batch([scenes], tmp_path / "out", model=model), opener=no_device)
    with pytest.raises(TerrainError, match="--min-slope 5 needs the heights"):
        plan_batch([scenes], tmp_path / "out", model=model, min_slope=5)


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

    monkeypatch.setattr(running, "KeptEngine", lambda: lambda *_, **__: StandIn(interrupted))
    result = command(scenes, "-o", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == ("Interrupted; 2 of 4 scenes are done and stay, the same command goes on.")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {LEDGER, "a.gpkg", "b.gpkg"}
    assert not list((tmp_path / "out" / LEDGER).glob("*.claim.*"))


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


def let_go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def test_killed_and_started_again_it_gives_what_an_unbroken_run_gives(
    scenes: Path, tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    process = start(scenes, out, model, 1)
    let_go(process)
    assert process.stdout is not None
    while "c.tif (3 of 4)" not in process.stdout.readline():
        assert process.poll() is None
    while not list(out.glob(".c.gpkg.*.part")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {"a.gpkg", "b.gpkg"}
    assert list((out / LEDGER).glob("c.claim.*"))

    with caplog.at_level(logging.INFO):
        go(scenes, out, model)
    assert "4 scenes, 0.0 Mpx: 2 done, 2 to do (0.0 Mpx)" in caplog.messages
    assert not list(out.glob(".*.part"))
    go(scenes, tmp_path / "unbroken", model)
    assert_same(out / "landslides.gpkg", tmp_path / "unbroken" / "landslides.gpkg")


def test_two_processes_do_each_scene_once(scenes: Path, tmp_path: Path, model: Path) -> None:
    processes = [start(scenes, tmp_path / "out", model, 0.5) for _ in range(2)]
    let_go(*processes)
    said = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    begun = [[line for line in lines if line.endswith(" of 4)")] for lines in said]
    assert all(begun), "both had work"
    assert sorted(Path(line.split(" (")[0]).name for lines in begun for line in lines) == [
        "a.tif", "b.tif", "c.tif", "d.tif",
    ]  # fmt: skip
    assert [lines[-1] for lines in said] == ["10", "10"]
    go(scenes, tmp_path / "alone", model)
    assert_same(tmp_path / "out" / "landslides.gpkg", tmp_path / "alone" / "landslides.gpkg")


def test_a_claim_is_taken_over_when_its_process_is_gone_and_by_one_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.claim("a") as mine, ledger.claim("a") as again, ledger.claim("a*") as other:
        assert (mine, again, other) == (True, False, True)
        assert ledger.owner("a").startswith(f"process {os.getpid()} on ")
    assert list(tmp_path.iterdir()) == []

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here, start = ledgers._host(), ledgers._start_of(os.getpid())
    for owner, silent, taken in (
        ({"host": here, "pid": gone.pid, "start": start}, 0, True),
        ({"host": here, "pid": os.getpid(), "start": start}, 0, False),
        ({"host": here, "pid": os.getpid(), "start": "1"}, 0, sys.platform == "linux"),  # the number was given anew
        ({"host": "elsewhere", "pid": gone.pid, "start": start}, 0, False),
        ({"host": "elsewhere", "pid": gone.pid, "start": start}, ledgers.STALE_S - 60, False),
        ({"host": "elsewhere", "pid": os.getpid(), "start": start}, ledgers.STALE_S + 60, True),
        (None, 0, False),  # being written
        (None, ledgers.STALE_S + 60, True),
    ):
        claim = tmp_path / "b.claim.1"
        claim.write_text(json.dumps(owner) if owner else "")
        then = claim.stat().st_mtime - silent
        os.utime(claim, (then, then))
        won: list[bool] = []
        ready = threading.Barrier(6)

        def race(won: list[bool] = won, ready: threading.Barrier = ready) -> None:
            with ExitStack() as stack:
                ready.wait()
                won.append(stack.enter_context(ledger.claim("b")))
                ready.wait()

        threads = [threading.Thread(target=race) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(won) == taken, (owner, silent)
        for path in tmp_path.iterdir():
            path.unlink()


def test_a_claim_is_renewed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "HEARTBEAT_S", 0.01)
    ledger = Ledger(tmp_path)
    with ledger.claim("a"):
        claim = tmp_path / "a.claim.1"
        os.utime(claim, (0, 0))
        for _ in range(500):
            if claim.stat().st_mtime > 0:
                break
            threading.Event().wait(0.01)
        assert claim.stat().st_mtime > 0


def test_half_a_record_is_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("a", Record("done", {"threshold": 0.5}))
    assert ledger.read("a") == Record("done", {"threshold": 0.5})
    (tmp_path / "a.json").write_text('{"state": "done"')
    (tmp_path / "b.json").write_text('{"state": "done", "of": "another version"}')
    assert ledger.read("a") is ledger.read("b") is ledger.read("c") is None


def test_a_task_can_be_sent_to_another_process(scenes: Path, tmp_path: Path, model: Path) -> None:
    import pickle

    (tmp_path / "out").mkdir()
    task = plan_batch([scenes / "b.tif"], tmp_path / "out", model=model).tasks[0]
    assert pickle.loads(pickle.dumps(task)) == task
    record = pickle.loads(pickle.dumps(attempt(task, opener=opener)))
    assert task.left(record) == ""
    assert record.found["landslides"] == 2


def test_which_scenes_are_found(scenes: Path, tmp_path: Path, model: Path, command: Callable[..., Result]) -> None:
    below = scenes / "north"
    below.mkdir()
    (scenes / "c.tif").rename(below / "C.TIFF")
    (scenes / "notes.txt").write_text("no scene")
    (scenes / "._a.tif").write_text("what another system leaves")
    landslide_cli.detect(scenes / "a.tif", scenes / "x.gpkg", model=model, opener=opener, probability=scenes / "x.tif")

    def found(*given: Any, **settings: Any) -> list[str]:
        return [task.name for task in plan_batch(given, tmp_path / "out", model=model, **settings).tasks]

    assert found(scenes) == found(scenes, scenes / "a.tif") == ["a", "b", "d"]
    assert found(scenes, recursive=True) == ["a", "b", "d", "C"]
    assert found(scenes, recursive=True, name_by="path") == ["a", "b", "d", "north_C"]
    listed = tmp_path / "list.txt"
    listed.write_text(f"# two\n{scenes / 'd.tif'}\n\n{below}\n")
    plan = command("--list", listed, "-o", tmp_path / "out", "--dry-run", "--json")
    assert [row["scene"] for row in json.loads(plan.stdout)] == [str(scenes / "d.tif"), str(below / "C.TIFF")]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SceneError, match=r"no scene in .*empty: folders are searched for \.tif.*--recursive"):
        found(empty)
    missing = command("--list", tmp_path / "no.txt", "-o", tmp_path / "out")
    assert "can't be read" in missing.stderr
    assert command("-o", tmp_path / "out").exit_code == 2


def test_two_scenes_of_one_name_are_refused_before_any_work(
    scenes: Path, tmp_path: Path, model: Path, make_scene: MakeScene
) -> None:
    (scenes / "north").mkdir()
    again = make_scene(image((5, 5, 5, 5)), name="scenes/north/A.tif", transform=beside(9))
    with pytest.raises(OutputError, match=rf"{scenes}/a.tif and {again} would both write A\.gpkg; .*--name-by path"):
        go(scenes, tmp_path / "out", model, recursive=True)
    assert not (tmp_path / "out").exists()
    summary = go(scenes, tmp_path / "out", model, recursive=True, name_by="path")
    assert summary.landslides == 11
    merged = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert set(merged["scene"]) == {"a.tif", "b.tif", "c.tif", "d.tif", "north_A.tif"}
    (scenes / "north_A.tif").write_bytes(again.read_bytes())
    with pytest.raises(OutputError, match=r"would both write north_A\.gpkg; rename one"):
        go(scenes, tmp_path / "out", model, recursive=True, name_by="path")
    (scenes / "Landslides.tif").write_bytes(again.read_bytes())
    with pytest.raises(OutputError, match="the name of the merged inventory; rename the scene"):
        go(scenes, tmp_path / "out", model)


@pytest.mark.parametrize(
    ("systems", "centre"),
    [
        (("EPSG:32648", "EPSG:32649"), (108.0, 26.6)),
        (("EPSG:32648", "EPSG:3857"), (105.1, 26.6)),
        (("EPSG:32660", "EPSG:32601"), (180.0, -16.5)),  # across the antimeridian
    ],
)
def test_scenes_of_several_systems_are_merged_in_degrees(
    systems: tuple[str, str], centre: tuple[float, float], tmp_path: Path, model: Path, make_scene: MakeScene
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for name, crs, east in zip("ab", systems, (-0.001, 0.0), strict=True):
        place = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(centre[0] + east, centre[1])
        transform = Affine.translation(*place) @ Affine.scale(0.8, -0.8)
        make_scene(image((10, 10, 30, 40), (60, 60, 20, 9)), name=f"scenes/{name}.tif", crs=crs, transform=transform)
    summary = go(folder, tmp_path / "out", model)
    assert summary.crs == "EPSG:4326"
    merged = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert merged.is_valid.all()
    assert merged.total_bounds[2] - merged.total_bounds[0] < 0.01
    singles = [geopandas.read_file(tmp_path / "out" / f"{name}.gpkg", layer="landslides") for name in "ab"]
    for name in ("area_m2", "lon", "lat", "prob_mean", "azimuth_deg"):
        assert merged[name].tolist() == [value for single in singles for value in single[name]]
    geod = pyproj.Geod(ellps="WGS84")
    for row in merged.itertuples():
        area, _ = geod.geometry_area_perimeter(row.geometry)
        assert area == pytest.approx(row.area_m2, abs=0.006)  # attributes are rounded
        assert (row.geometry.centroid.x - row.lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
        assert row.geometry.centroid.y == pytest.approx(row.lat, abs=1e-6)
    analysed = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="analysed")
    for row in analysed.itertuples():
        assert geod.geometry_area_perimeter(row.geometry)[0] == pytest.approx(row.area_m2, abs=0.006)


def test_landslides_that_lie_in_two_scenes_are_marked(
    tmp_path: Path, make_scene: MakeScene, command: Callable[..., Result]
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    # b lies 60 columns east of a, c 100 east of b: b and c share an edge.
    make_scene(image((10, 70, 10, 12), (50, 10, 10, 10)), name="scenes/a.tif")
    make_scene(image((10, 12, 10, 10), (40, 90, 10, 10)), name="scenes/b.tif", transform=beside(1, 60))
    make_scene(image((40, 0, 10, 10)), name="scenes/c.tif", transform=beside(1, 160))
    make_scene(image(), name="scenes/empty.tif")
    result = command(folder, "-o", tmp_path / "out")
    merged = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert merged["overlaps"].tolist() == [1, 0, 1, 0, 0]
    assert result.stdout.splitlines()[0] == (
        "2 landslides overlap one of another scene, 0.01 ha of them more than once: see the attribute overlaps"
    )
    told = json.loads(command(folder, "-o", tmp_path / "out", "--json").stdout)
    assert told["overlapping"] == 2
    # From column 72 to 82 of a, 10 rows.
    assert told["overlap_m2"] == pytest.approx(100 * 0.64 / 0.9996**2, rel=1e-4)
    assert told["area_m2"] == pytest.approx(merged["area_m2"].sum())


def test_scenes_without_a_system_are_left_out_where_others_have_one(
    tmp_path: Path, make_scene: MakeScene, command: Callable[..., Result]
) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    make_scene(image((10, 10, 5, 5)), name="scenes/a.tif", crs=None)
    alone = command(folder, "-o", tmp_path / "alone")
    assert alone.stdout.splitlines()[-1].endswith("1 of 1 scenes, 1 landslide, areas unknown without a CRS")
    make_scene(image((20, 10, 5, 5)), name="scenes/b.tif")
    both = command(folder, "-o", tmp_path / "both")
    assert both.stdout.startswith("not in it, for they have no coordinate reference system as the others do: a.tif\n")
    merged = geopandas.read_file(tmp_path / "both" / "landslides.gpkg", layer="landslides")
    assert merged["scene"].tolist() == ["b.tif"]


def test_every_setting_of_detect_is_one_of_batch() -> None:
    of_detect = inspect.signature(landslide_cli.detect).parameters.keys()
    each = {"scene", "out", "probability", "mask", "spread", "overwrite", "command", "on_progress", "opener"}
    assert Settings.__annotations__.keys() == of_detect - each
    options = {parameter.name for parameter in main.commands["batch"].params}  # type: ignore[attr-defined]
    assert options >= Settings.__annotations__.keys() | {"probability", "mask", "spread"}
