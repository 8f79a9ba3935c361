from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import geopandas
import pyogrio
import pytest
import rasterio
from click.testing import CliRunner, Result

import landslide_cli
from landslide_cli.cli import main
from tests.conftest import MakeScene, noise


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.tif"
    result = CliRunner().invoke(main, ["demo-scene", str(path), "--size", "600"])
    assert result.exit_code == 0, result.output
    assert "synthetic, 600 x 600 pixels of 0.8 m" in result.stdout
    return path


@pytest.fixture(scope="module")
def typed(demo: Path) -> tuple[list[str], Result]:
    """A command line, and what came of it."""
    folder = demo.parent
    words = ["detect", str(demo), "-o", str(folder / "slides.gpkg"), "--probability", str(folder / "p.tif")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return words, result


def slides_of(demo: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_file(demo.with_name("slides.gpkg"), layer="landslides")


def test_stderr_names_engine_model_and_scene(typed: tuple[list[str], Result]) -> None:
    chosen, *lines = typed[1].stderr.splitlines()
    assert chosen.startswith("engine: ")
    first, second = lines[-4:-2]  # the first run of a machine also tells of its conversion
    assert first.startswith("msasnet-rgb by ")
    assert first.endswith("(also there: msasnet-rgb-s; --model)")
    assert second.startswith("demo.tif: 600 x 600, 0.8 m pixels, bands 1,2,3, ")


def test_stdout_says_how_many_how_much_and_where(demo: Path, typed: tuple[list[str], Result]) -> None:
    slides = slides_of(demo)
    out, hectares = demo.with_name("slides.gpkg"), slides["area_m2"].sum() / 1e4
    said = f"{out}: {len(slides)} landslides, {hectares:.2f} ha of 23.06 ha analysed, 26.6"
    assert typed[1].stdout.startswith(said)


def test_raster_and_inventory_carry_the_same_provenance(demo: Path, typed: tuple[list[str], Result]) -> None:
    def ours(tags: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in tags.items() if name.startswith("LANDSLIDE_")}

    with rasterio.open(demo.with_name("p.tif")) as src:
        tags = ours(src.tags())
    assert tags["LANDSLIDE_MODEL"] == "msasnet-rgb"
    assert tags["LANDSLIDE_VERSION"] == landslide_cli.__version__
    assert tags == ours(pyogrio.read_info(demo.with_name("slides.gpkg"), layer="landslides")["dataset_metadata"])


def test_the_same_again_gives_the_same_and_json_tells_it(demo: Path, typed: tuple[list[str], Result]) -> None:
    before = slides_of(demo)
    again = CliRunner().invoke(main, [*typed[0], "--overwrite", "--json", "--quiet"])
    assert again.stderr == ""
    summary = json.loads(again.stdout)
    assert summary["landslides"] == len(before)
    assert summary["area_m2"] == pytest.approx(before["area_m2"].sum())
    assert before.to_wkb().equals(slides_of(demo).to_wkb())


def test_detect_from_python_is_detect(demo: Path, tmp_path: Path) -> None:
    rules, runtime = landslide_cli.PolygonRules(threshold=0.4, min_area_m2=50), landslide_cli.Runtime(overlap=64)
    summary = landslide_cli.detect(demo, tmp_path / "a.gpkg", rules=rules, runtime=runtime)
    command = [
        "detect",
        str(demo),
        "-o",
        str(tmp_path / "b.gpkg"),
        "--threshold",
        "0.4",
        "--min-area",
        "50",
        "--overlap",
        "64",
    ]
    assert CliRunner().invoke(main, command).exit_code == 0
    one, other = (geopandas.read_file(tmp_path / name, layer="landslides") for name in ("a.gpkg", "b.gpkg"))
    assert one.equals(other)
    assert summary.landslides == len(one)
    with pytest.raises(AttributeError):
        summary.landslides = 0  # type: ignore[misc]


HOW = (landslide_cli.View, landslide_cli.PolygonRules, landslide_cli.Runtime)


def test_every_option_of_detect_is_a_field_of_what_the_function_takes() -> None:
    options = {parameter.name for parameter in main.commands["detect"].params} - {"as_json", "quiet", "config"}  # type: ignore[attr-defined]
    fields_of = {field.name for kind in HOW for field in fields(kind)}
    files = {field.name for field in fields(landslide_cli.Outputs)} - {"inventory", "command", "config", "on_complete"}
    assert options == fields_of | files | {"scene", "out", "overwrite"}


def test_options_have_the_defaults_of_their_fields() -> None:
    """The command names them anew, since it imports nothing that takes time."""
    defaults = {field.name: field.default for kind in HOW for field in fields(kind)}
    for name in ("detect", "batch", "info", "polygonize", "benchmark"):
        command = main.commands[name]  # type: ignore[attr-defined]
        given = command.make_context(name, ["x"] if name != "polygonize" else ["x", "--table"], resilient_parsing=True)
        for option, value in given.params.items():
            if option in defaults:
                assert value == defaults[option], f"{name} {option}"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_and_says_130(
    make_scene: MakeScene, tmp_path: Path, how: signal.Signals
) -> None:
    path = make_scene(noise(3, 6000, 6000))
    command = [sys.executable, "-m", "landslide_cli", "detect", str(path), "-o", str(tmp_path / "out.gpkg")]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # Shells let what they start in the background ignore Ctrl-C, and all that is started from there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr is not None
    while "windows" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(1)
    process.send_signal(how)
    assert process.wait(60) == 130
    assert "Interrupted; nothing was written." in process.stderr.read()
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_new_landslides_are_counted_and_old_ones_dropped_on_request(demo: Path, tmp_path: Path) -> None:
    """The demo before itself: nothing is new; before an image that shows its left half, some aren't known."""
    out, kept = tmp_path / "slides.gpkg", tmp_path / "before_prob.tif"
    words = ["detect", str(demo), "-o", str(out), "--before", str(demo), "--before-probability", str(kept)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    count = len(geopandas.read_file(out, layer="landslides"))
    assert f"{out}: {count} landslides (0 new, {count} there before), " in result.stdout
    assert f"{demo}: its highest probability within 2.4 m counts (--shift)" in result.stderr
    assert kept.with_suffix(".qml").exists()
    left = tmp_path / "left.tif"
    with rasterio.open(demo) as src:
        window = ((0, 600), (0, 300))
        with rasterio.open(left, "w", **{**src.profile, "width": 300}) as dst:
            dst.write(src.read(window=window))
    words = [*words[:4], "--before", str(left), "--only-new", "--json", "--overwrite", "-q"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["new"] + told["old"] + told["unseen"] == count
    assert told["landslides"] == told["new"] + told["unseen"] == len(geopandas.read_file(out, layer="landslides"))
    assert 0 < told["unseen"] < count
