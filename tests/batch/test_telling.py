"""The log, the table of failures, and the status of a folder."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from landslide_cli.batch.ledger import LEDGER
from landslide_cli.batch.ownership import Shard, owning
from landslide_cli.batch.telling import note_scenes, read_status
from landslide_cli.errors import OutputError
from tests.batch.conftest import go_batch, go_shard, planned


def failures(folder: Path) -> list[dict[str, str]]:
    with (folder / "failed.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_log_has_a_line_for_every_scene_that_was_tried(scenes: Path, tmp_path: Path, model: Path) -> None:
    whole = (scenes / "b.tif").read_bytes()
    (scenes / "b.tif").write_text("no raster,\nnor anything")
    go_batch(scenes, tmp_path / "out", model)
    (scenes / "b.tif").write_bytes(whole)
    go_batch(scenes, tmp_path / "out", model)
    lines = (tmp_path / "out" / "landslide.log").read_text().splitlines()
    told = [re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  (\w+) +(\S+): (.+)", line) for line in lines]
    assert [(line[1], Path(line[2]).name) for line in told if line] == [
        ("done", "a.tif"), ("failed", "b.tif"), ("done", "c.tif"), ("done", "d.tif"), ("done", "b.tif"),
    ]  # fmt: skip
    assert told[0] and told[0][3] == "1 landslide, 0.00 ha"
    assert told[1] and told[1][3].startswith("can't be opened as a raster")


def test_failures_are_a_table_until_they_are_mended(scenes: Path, tmp_path: Path, model: Path) -> None:
    wholes = {name: (scenes / name).read_bytes() for name in ("a.tif", "b.tif")}
    for name in wholes:
        (scenes / name).write_text("no raster")
    for shard in ("1/2", "2/2"):
        go_shard(shard, scenes, tmp_path / "out", model)
    assert [row["scene"] for row in failures(tmp_path / "out")] == [f"{scenes}/a.tif", f"{scenes}/b.tif"]
    assert all("can't be opened as a raster" in row["reason"] for row in failures(tmp_path / "out"))
    (scenes / "a.tif").write_bytes(wholes["a.tif"])
    go_batch(scenes, tmp_path / "out", model)
    assert [row["scene"] for row in failures(tmp_path / "out")] == [f"{scenes}/b.tif"]
    (scenes / "b.tif").write_bytes(wholes["b.tif"])
    go_batch(scenes, tmp_path / "out", model)
    assert not (tmp_path / "out" / "failed.csv").exists()


def test_the_status_tells_what_is_done_failed_and_left(
    scenes: Path, tmp_path: Path, model: Path, command: Callable[..., Result]
) -> None:
    out = tmp_path / "out"
    (scenes / "c.tif").write_text("no raster")
    go_shard("1/2", scenes, out, model)
    (out / "a.gpkg").write_bytes(b"")
    before = sorted(out.rglob("*"))
    told = command("-o", out, "--status").stdout.splitlines()
    assert [line.split(": ")[0] for line in told] == [
        f"left     {scenes}/a.tif", f"left     {scenes}/b.tif", f"failed   {scenes}/c.tif", f"left     {scenes}/d.tif",
        str(out),
    ]  # fmt: skip
    assert told[0].endswith(": damaged: a.gpkg")
    assert "can't be opened as a raster" in told[2]
    assert told[-1] == f"{out}: 4 scenes: 0 done, 1 failed, 3 left"
    go_batch(scenes, out, model)
    with owning(out / LEDGER, Shard()):
        assert command("-o", out, "--status").stdout.endswith(": 3 done, 1 failed, 0 left; a run is going on\n")
    machine = json.loads(command("-o", out, "--status", "--json").stdout)
    assert {name: machine[name] for name in ("running", "done", "outside", "failed", "left")} == {
        "running": False, "done": 3, "outside": 0, "failed": 1, "left": 0,
    }  # fmt: skip
    assert [(row["state"], row["landslides"]) for row in machine["scenes"]] == [
        ("done", 1), ("done", 2), ("failed", None), ("done", 4),
    ]  # fmt: skip
    assert {path.name for path in before} <= {path.name for path in out.rglob("*")}


def test_a_run_that_has_just_begun_counts_earlier_results_for_its_own_settings_alone(
    scenes: Path, tmp_path: Path, model: Path
) -> None:
    out = tmp_path / "out"
    go_batch(scenes, out, model)
    begun = planned([scenes / "a.tif", scenes / "b.tif"], out, model, threshold=0.4)
    note_scenes(begun.ledger, begun.scenes)
    assert [(row.state, row.text) for row in read_status(out).scenes] == 2 * [("left", "changed")]


def test_a_folder_without_a_batch_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no batch; begin one with landslide batch SCENES -o"):
        read_status(tmp_path)
