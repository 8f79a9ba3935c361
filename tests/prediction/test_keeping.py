"""A run that is cut off goes on from its finished bands, and nobody can tell from the outputs."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.detection.summary import Summary
from landslide_cli.errors import NothingValidError
from landslide_cli.inventory.read import read_inventory
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.packing import Packed, Packer
from landslide_cli.prediction.keeping import SUFFIX, Kept, journal_of, keeping
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.scene.area import Area
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, StandIn, blobs, noise

# Windows down and across the scene below; a band is two rows of them.
ROWS, ACROSS = 14, 3


@pytest.fixture
def scene(make_scene: MakeScene) -> Path:
    return make_scene(blobs(680, 130))


@dataclass
class Network:
    """Gives the first band back, until it is asked once too often."""

    most: float = float("inf")
    seconds: float = 0.0
    asked: int = 0

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        self.asked += 1
        if self.asked > self.most:
            raise KeyboardInterrupt
        time.sleep(self.seconds)
        return pixels[:, 0] / 254


def detect(path: Path, card: ModelCard, network: Callable[..., Any], out: str = "slides.gpkg", **plan: Any) -> Summary:
    """As `landslide_cli.detect` does it, with small windows and a band for every two rows of them."""
    outputs = Outputs(path.with_name(out), path.with_name(out).with_suffix(".tif"))
    engine = StandIn(network, batch_size=1)
    engine.precision = plan.pop("precision", "float32")
    with open_scene(path, wanted=card.bands) as opened:
        planned = replace(make_plan(opened, card, **{"largest": 64, "overlap": 16} | plan), band=2)
        with keeping(outputs.inventory, planned, engine) as kept:
            return run(planned, engine, outputs, kept=kept)


def assert_same_outputs(path: Path, one: str, other: str) -> None:
    frames = [read_inventory(path.with_name(name)) for name in (one, other)]
    assert len(frames[0]) > 5
    assert_geodataframe_equal(*frames)
    rasters = [path.with_name(name).with_suffix(".tif").read_bytes() for name in (one, other)]
    assert rasters[0] == rasters[1]


def parts(path: Path) -> Path:
    return path.with_name("slides.gpkg" + SUFFIX)


@pytest.mark.parametrize("most", [0, 5, 6, 20, 41])
def test_a_run_that_was_cut_off_goes_on(scene: Path, card: ModelCard, most: int) -> None:
    whole = detect(scene, card, Network(), "whole.gpkg")
    assert whole.windows == ROWS * ACROSS
    with pytest.raises(KeyboardInterrupt) as stop:
        detect(scene, card, Network(most))
    finished = most // ACROSS // 2
    if finished:
        assert str(stop.value) == f"Interrupted; {finished} of 7 bands are kept, the same command goes on."
    else:
        assert not parts(scene).exists()
    again = Network()
    summary = detect(scene, card, again)
    assert again.asked == whole.windows - 2 * ACROSS * finished + (ACROSS if finished else 0)
    assert replace(summary, out=whole.out, probability=whole.probability) == whole
    assert not parts(scene).exists()
    assert_same_outputs(scene, "slides.gpkg", "whole.gpkg")


def test_nothing_is_kept_where_the_same_command_would_end_in_the_same_way(
    make_scene: MakeScene, card: ModelCard
) -> None:
    path = make_scene(np.zeros((3, 680, 130), np.uint8), nodata=0)
    with pytest.raises(NothingValidError):
        detect(path, card, Network())
    assert [file.name for file in path.parent.iterdir()] == ["scene.tif"]


def test_a_run_that_an_error_ends_keeps_its_bands(
    scene: Path, card: ModelCard, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(pixels: NDArray[Any]) -> NDArray[Any]:
        asked.append(1)
        if len(asked) > 20:
            raise RuntimeError("the card fell off the bus")
        return pixels[:, 0] / 254

    asked: list[int] = []
    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError, match="fell off"):
        detect(scene, card, failing)
    assert f"3 of 7 bands are kept in {parts(scene)}, the same command goes on" in caplog.messages
    again = Network()
    detect(scene, card, again)
    assert again.asked < ROWS * ACROSS
    detect(scene, card, Network(), "whole.gpkg")
    assert_same_outputs(scene, "slides.gpkg", "whole.gpkg")


def test_a_run_says_from_where_it_goes_on(scene: Path, card: ModelCard, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        detect(scene, card, Network(20))
    (parts(scene) / "000002-000004.band").unlink()
    again = Network()
    with caplog.at_level(logging.INFO):
        detect(scene, card, again)
    assert "2 of 7 bands are there, going on (--no-resume)" in caplog.messages
    # Two runs of bands are missing, each with the row above its seam.
    assert again.asked == ACROSS * (ROWS - 2 * 2 + 2)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"overlap": 20}, "overlap"), ({"precision": "bfloat16"}, "precision"), ({"tta": "flips"}, "tta"),
     ({"scale": (0, 200)}, "scale"), ({"sha256": "1" * 64}, "model"), ({"touched": True}, "stamp")],
)  # fmt: skip
def test_bands_that_do_not_fit_are_thrown_away(
    scene: Path, card: ModelCard, change: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        detect(scene, card, Network(20))
    if change.pop("touched", False):
        os.utime(scene, (0, 0))
    card = replace(card, sha256=change.pop("sha256", card.sha256))
    with caplog.at_level(logging.INFO):
        summary = detect(scene, card, Network(), **change)
    assert f"{parts(scene)} is of another run ({named}): begun anew" in caplog.messages
    assert summary == replace(
        detect(scene, card, Network(), "whole.gpkg", **change), out=summary.out, probability=summary.probability
    )
    assert_same_outputs(scene, "slides.gpkg", "whole.gpkg")


def test_damaged_and_strange_bands_are_not_taken(scene: Path, card: ModelCard) -> None:
    with pytest.raises(KeyboardInterrupt):
        detect(scene, card, Network(40))
    folder = parts(scene)
    first, second, third, fourth, *_ = sorted(folder.glob("*.band"))
    first.write_bytes(first.read_bytes()[:-1])
    second.rename(folder / "junk.band")
    third.rename(folder / "000005-000007.band")
    packed = Packed.from_bytes(fourth.read_bytes())
    fourth.write_bytes(replace(packed, width=packed.width + 1).to_bytes())
    detect(scene, card, Network())
    detect(scene, card, Network(), "whole.gpkg")
    assert_same_outputs(scene, "slides.gpkg", "whole.gpkg")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["000001-000003", "000002-000000", "000000-000000", "000013-000015", "-00002-000000"])
def test_bands_that_can_not_be_beside_the_others_are_not_taken(scene: Path, card: ModelCard, name: str) -> None:
    with open_scene(scene, wanted=card.bands) as opened:
        plan = replace(make_plan(opened, card, largest=64, overlap=16), band=2)
        first, stop = int(name[:6]), int(name[7:])
        kept = Kept(parts(scene), plan, StandIn(Network()))
        for rows in ((0, 2), (4, 6)):
            kept.write(rows, packed(plan, *rows))
        kept.close()
        # Whole, and of the rows of the scene that its name says, as far as there are such rows.
        fits = packed(plan, first, stop) if 0 <= first < stop <= ROWS else packed(plan, 0, 2)
        (parts(scene) / f"{name}.band").write_bytes(fits.to_bytes())
        again = Kept(parts(scene), plan, StandIn(Network()))
        assert again.bands == {(0, 2), (4, 6)}
        assert again.left == [(2, 4), (6, 8), (8, 10), (10, 12), (12, 14)]
        assert again.told == "2 of 7 bands"
        assert not (parts(scene) / f"{name}.band").exists()
        again.remove()


def packed(plan: Plan, first: int, stop: int) -> Packed:
    band = plan.rows_of_windows((first, stop))
    stored = np.zeros((band.bottom - band.top, plan.scene.width), dtype=np.uint8)
    packer = Packer(band.top, plan.scene.width)
    packer.add(Strip(band.top, stored, None))
    return packer.packed(0)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"resolution_m": 1.0}, "resolution"), ({"area": Area(shapely.box(0, 0, 50, 600))}, "area"),
     ({"scale": (1, 255)}, "scale"), ({"tta": "d4"}, "tta"), ({"overlap": 24}, "overlap")],
)  # fmt: skip
def test_bands_know_what_their_values_depend_on(
    scene: Path, card: ModelCard, change: dict[str, Any], named: str
) -> None:
    with open_scene(scene, wanted=card.bands) as opened:
        engine = StandIn(Network())
        plans = [make_plan(opened, card, **{"largest": 64, "overlap": 16} | more) for more in ({}, change)]
        one, other = (journal_of(plan, engine) for plan in plans)
        assert [name for name in one if one[name] != other[name]] == [named]


@pytest.mark.parametrize(
    ("change", "named"),
    [({"name": "openvino"}, "engine"), ({"precision": "int8"}, "precision"), ({"device": "cuda:0"}, "device")],
)
def test_bands_know_what_predicted_them(scene: Path, card: ModelCard, change: dict[str, str], named: str) -> None:
    with open_scene(scene, wanted=card.bands) as opened:
        plan, engine, other = make_plan(opened, card), StandIn(Network()), StandIn(Network())
        for name, value in change.items():
            setattr(other, name, value)
        one, changed = journal_of(plan, engine), journal_of(plan, other)
        assert named in [name for name in one if one[name] != changed[name]]
        # Cards of a machine are alike.
        if "device" in change:
            engine.device = "cuda:1"
            assert journal_of(plan, engine) == changed


@pytest.mark.parametrize(("height", "width"), [(700, 130), (130, 700), (600, 600), (20, 30)])
def test_a_scene_without_a_time_of_change_is_known_by_its_pixels(card: ModelCard, height: int, width: int) -> None:
    """Those of small windows from corner to corner."""

    def journal(pixels: NDArray[np.uint8]) -> dict[str, Any]:
        with MemoryFile() as memory:
            with memory.open(driver="GTiff", count=3, height=height, width=width, dtype="uint8", crs=UTM,
                             transform=TRANSFORM) as dst:  # fmt: skip
                dst.write(pixels)
            with memory.open() as src, open_scene(src, wanted=card.bands) as opened:
                told = journal_of(make_plan(opened, card), StandIn(Network()))
        told.pop("scene")
        told["stamp"] = told["stamp"][-1]
        return told

    pixels = noise(3, height, width)
    once = journal(pixels)
    assert journal(pixels) == once
    for row, col in ((0, 0), (height - 1, width - 1), (height // 2, width // 2)):
        other = pixels.copy()
        other[1, row, col] ^= 1
        assert [name for name in once if journal(other)[name] != once[name]] == ["stamp"]


def test_what_others_laid_into_the_folder_stays(scene: Path, card: ModelCard) -> None:
    parts(scene).mkdir()
    (parts(scene) / "notes.txt").write_text("mine")
    detect(scene, card, Network())
    assert [path.name for path in parts(scene).iterdir()] == ["notes.txt"]


def test_two_runs_do_not_share_a_folder(scene: Path, card: ModelCard, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        detect(scene, card, Network(20))
    with open_scene(scene, wanted=card.bands) as opened:
        plan = replace(make_plan(opened, card, largest=64, overlap=16), band=2)
        first = Kept(parts(scene), plan, StandIn(Network()))
        second = Kept(parts(scene), plan, StandIn(Network()))
        assert first.bands
        assert not second.bands
        second.remove()
        assert parts(scene).exists()
        first.close()


def test_a_small_scene_keeps_nothing(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(blobs(100, 130))
    watched: list[bool] = []

    def watch(pixels: NDArray[Any]) -> NDArray[Any]:
        watched.append(parts(path).exists())
        return pixels[:, 0] / 254

    detect(path, card, watch)
    assert watched
    assert not any(watched)


def test_a_disk_that_takes_no_bands_does_not_end_the_run(scene: Path, card: ModelCard) -> None:
    parts(scene).write_text("a file in the way")
    detect(scene, card, Network())
    detect(scene, card, Network(), "whole.gpkg")
    assert_same_outputs(scene, "slides.gpkg", "whole.gpkg")


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal")
def test_a_killed_run_goes_on(scene: Path, card: ModelCard) -> None:
    """Three times at random moments; benchmarks/scale.py does it fifty times, with the command itself."""
    detect(scene, card, Network(), "whole.gpkg")
    rng = np.random.default_rng(0)
    for _ in range(3):
        child = multiprocessing.get_context("fork").Process(target=detect, args=(scene, card, Network(seconds=0.02)))
        child.start()
        time.sleep(rng.uniform(0.1, 0.9))
        before = len(list(parts(scene).glob("*.band")))
        child.kill()
        child.join()
        assert len(list(parts(scene).glob("*.band"))) >= before
    detect(scene, card, again := Network())
    assert again.asked < ROWS * ACROSS
    assert_same_outputs(scene, "slides.gpkg", "whole.gpkg")
    written = {f"{name}.{ending}" for name in ("slides", "whole") for ending in ("gpkg", "tif", "qml")}
    assert {path.name for path in scene.parent.iterdir()} == {"scene.tif"} | written
