"""`landslide info` tells what `landslide detect` then does; what both refuse is in test_refusals.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from landslide_cli import Outputs, PolygonRules, Runtime, Summary, View, detect
from landslide_cli.cli import main
from landslide_cli.detection.preview import Preview, preview
from tests.conftest import noise

Both = tuple[Preview, Summary, dict[str, str]]


@pytest.fixture
def told_and_done(make_scene: Callable[..., Path], small_model: Path, tmp_path: Path) -> Both:
    """What is told of a scene of four bands whose right half is nodata, what is found in it, and the raster's tags."""
    image = noise(4, 700, 1100, dtype="uint16")
    image[:, :, 550:] = 0
    scene = make_scene(image, nodata=0)
    view, runtime = View(bands=(3, 2, 1)), Runtime(model=small_model, device="cpu")
    told = preview(scene, view=view, runtime=runtime)
    done = detect(scene, Outputs(tmp_path / "out.gpkg", tmp_path / "p.tif"), view=view, runtime=runtime)
    with rasterio.open(tmp_path / "p.tif") as src:
        return told, done, src.tags()


def test_the_scene_is_told_as_it_is(told_and_done: Both) -> None:
    told, _, _ = told_and_done
    assert told.refusals == []
    assert (told.size, told.bands, told.unused) == ((1100, 700), {"red": 3, "green": 2, "blue": 1}, [4])


def test_what_is_told_is_what_is_done(told_and_done: Both) -> None:
    told, done, tags = told_and_done
    assert told.valid_share == pytest.approx(done.analysed_share, abs=0.05)
    assert (told.engine, told.device, told.precision) == (done.engine, done.device, done.precision)
    assert told.value_range is not None
    assert told.window_px is not None
    assert tags["LANDSLIDE_STRETCH"] == "{:g},{:g}".format(*told.value_range)
    assert tags["LANDSLIDE_WINDOW"] == "{1}x{0}".format(*told.window_px)


def test_windows_without_a_valid_pixel_are_told_but_not_asked_about(told_and_done: Both) -> None:
    told, done, _ = told_and_done
    assert told.windows is not None
    assert done.windows is not None
    assert 0 < done.windows < told.windows


def test_a_probe_tells_the_time(told_and_done: Both) -> None:
    seconds = told_and_done[0].seconds
    assert seconds is not None
    assert 0 < seconds < 60


def test_a_probe_says_how_far_it_is(make_scene: Callable[..., Path], small_model: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    scene = make_scene(noise(3, 900, 600))
    preview(scene, runtime=Runtime(model=small_model), on_progress=lambda *now: seen.append(now))
    # Two windows across; the network warms up and is timed.
    assert [done for done, _, _ in seen] == list(range(1, seen[0][1] + 1))
    assert seen[0][2] == "2 windows read"
    assert seen[-1][2] == "network asked 3 of 3 times"
    words = ["info", str(scene), "--model", str(small_model)]
    shown = CliRunner().invoke(main, words, env={"LANDSLIDE_PROGRESS": "json"})
    assert f'{{"done": 1, "total": {seen[0][1]}, "note": "2 windows read"}}' in shown.stderr
    quiet = CliRunner().invoke(main, [*words, "-q"])
    assert (quiet.exit_code, quiet.stderr) == (0, "")


def test_nothing_is_asked_without_a_probe_and_nothing_known_is_kept_back(
    make_scene: Callable[..., Path], small_model: Path
) -> None:
    scene = make_scene(noise(3, 64, 64), crs=None)
    result = CliRunner().invoke(main, ["info", str(scene), "--model", str(small_model), "--no-probe", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["seconds"] is None
    assert told["windows"] == 1
    assert "no coordinate reference system" in told["warnings"][0]
    text = CliRunner().invoke(main, ["info", str(scene), "--model", str(small_model), "--no-probe"]).stdout
    assert "64 x 64, uint8, no CRS" in text
    assert text.endswith("detect would run\n")


def test_all_reasons_are_told_at_once(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["info", str(tmp_path / "none.tif"), "-o", str(tmp_path / "a.kmz"), "--model", "none", "--device", "gpu"]
    )
    assert result.exit_code == 1
    assert result.stdout.count("refused") == 4


@pytest.mark.slow
def test_a_run_stays_within_the_memory_that_was_told(
    make_scene: Callable[..., Path], small_model: Path, tmp_path: Path
) -> None:
    scene = make_scene(np.tile(noise(3, 500, 2000), (1, 3, 5)), tiled=True)
    # In a process of its own each, since a process never tells of less memory than it once had.
    code = (
        "import json, resource, sys; from landslide_cli.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: "
    )
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)"
    options = ["--model", str(small_model), "--device", "cpu"]

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)

    told = json.loads(call("info", str(scene), *options, "--json").stdout)["memory_bytes"]
    used = int(call("detect", str(scene), "-o", str(tmp_path / "o.gpkg"), *options, "-q").stderr.splitlines()[-1])
    assert used < 1.1 * told
    assert told < 1.6 * used


def test_an_image_of_before_is_looked_at_as_well(
    make_scene: Callable[..., Path], small_model: Path, tmp_path: Path
) -> None:
    scene, before = make_scene(noise(3, 90, 80)), make_scene(noise(3, 90, 80), name="before.tif")
    runtime = Runtime(model=small_model, device="cpu")
    once = preview(scene, runtime=runtime)
    twice = preview(scene, rules=PolygonRules(before=before), runtime=runtime)
    assert twice.refusals == []
    assert once.seconds is not None
    assert twice.seconds is not None
    far = make_scene(noise(3, 9, 9), name="far.tif", transform=Affine(1, 0, 0, 0, -1, 5_000_000))
    told = preview(scene, Outputs(far), rules=PolygonRules(before=far, only_new=True), runtime=runtime)
    assert [line.split(";")[0] for line in told.refusals] == [
        f"{far}: no format is known by the ending '.tif'", "far.tif shows none of the ground of scene.tif"
    ]  # fmt: skip
