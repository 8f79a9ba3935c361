"""A batch with stand-ins for the network: what is done, by whom, and what a bad scene changes."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
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
from landslide_cli.batch.ledger import Ledger
from landslide_cli.batch.planning import LEDGER, Batch
from landslide_cli.batch.running import carry_out, run_batch
from landslide_cli.errors import DeviceError, OptionError, OutputError, TerrainError
from tests.batch.conftest import assert_same, beside, go_batch, image, layers, planned, start
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
    summary = carry_out(planned(scenes, tmp_path / "out", model), engine=broken)
    assert (summary.out, summary.failed) == (None, 4)
    assert summary.scenes[0].reason.startswith("ZeroDivisionError: division by zero; this was not foreseen")
    assert summary.scenes[0].reason.endswith(f"report it with {tmp_path}/out/{LEDGER}/a.json")
    record = Ledger(tmp_path / "out" / LEDGER).read("a")
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
    assert result.stderr.splitlines()[-1] == ("Interrupted; 2 of 4 scenes are done and stay, the same command goes on.")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {LEDGER, "a.gpkg", "b.gpkg"}
    assert not list((tmp_path / "out" / LEDGER).glob("*.claim.*"))


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
    while not list(out.glob(".landslide-*.part")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {"a.gpkg", "b.gpkg"}
    assert list((out / LEDGER).glob("c.claim.*"))

    with caplog.at_level(logging.INFO):
        go_batch(scenes, out, model)
    assert "4 scenes, 0.0 Mpx: 2 done, 2 to do (0.0 Mpx)" in caplog.messages
    assert not list(out.glob(".*.part"))
    go_batch(scenes, tmp_path / "unbroken", model)
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
    go_batch(scenes, tmp_path / "alone", model)
    assert_same(tmp_path / "out" / "landslides.gpkg", tmp_path / "alone" / "landslides.gpkg")


def test_the_merged_inventory_holds_all_scenes(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    summary = go_batch(scenes, out, model)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        "a.gpkg", "b.gpkg", "c.gpkg", "d.gpkg", "landslides.gpkg",
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
    assert alone.stdout.splitlines()[-1].endswith("1 of 1 scenes, 1 landslide, areas unknown without a CRS")
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
