"""What is to be done, what is done again, and what is refused before any work."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas
import pytest
import rasterio
import rasterio.shutil
import shapely
from rasterio.vrt import WarpedVRT

from landslide_cli.batch.finding import find_scenes
from landslide_cli.batch.ledger import LEDGER, Ledger, Record, stamp_of
from landslide_cli.batch.planning import plan_batch
from landslide_cli.errors import OptionError, OutputError
from landslide_cli.files.readback import refuse_unsound
from landslide_cli.prediction.runtime import Runtime
from tests.batch.conftest import assert_same, go_batch, image, left
from tests.conftest import stand_in_card


@pytest.fixture
def done(scenes: Path, tmp_path: Path, model: Path) -> Path:
    """The folder of a batch that has ended."""
    go_batch(scenes, tmp_path / "out", model)
    return tmp_path / "out"


def test_everything_is_new_at_first_and_looking_writes_nothing(scenes: Path, tmp_path: Path, model: Path) -> None:
    assert left(scenes, tmp_path / "out", model) == dict.fromkeys("abcd", "new")
    assert not (tmp_path / "out").exists()


def test_the_same_batch_again_has_nothing_to_do(scenes: Path, done: Path, model: Path) -> None:
    merged = done / "landslides.gpkg"
    stamp = merged.stat().st_mtime_ns
    assert left(scenes, done, model) == {}
    go_batch(scenes, done, model)
    assert merged.stat().st_mtime_ns == stamp


def test_device_and_batch_size_may_differ(scenes: Path, done: Path, model: Path) -> None:
    assert left(scenes, done, model, device="cuda", batch_size=8) == {}


def test_another_threshold_is_done_again_and_the_card_s_own_is_not(scenes: Path, done: Path, model: Path) -> None:
    assert left(scenes, done, model, threshold=0.4) == dict.fromkeys("abcd", "changed: threshold")
    assert left(scenes, done, model, threshold=stand_in_card().threshold) == {}


def test_another_area_is_done_again(scenes: Path, done: Path, model: Path, tmp_path: Path) -> None:
    area = tmp_path / "area.geojson"
    box = shapely.box(*rasterio.open(scenes / "a.tif").bounds)
    geopandas.GeoDataFrame(geometry=[box], crs="EPSG:32648").to_file(area)
    assert set(left(scenes, done, model, aoi=area).values()) == {"changed: aoi"}


def test_a_raster_that_is_asked_for_now_is_missing(scenes: Path, done: Path, model: Path) -> None:
    assert left(scenes, done, model, mask=True)["a"] == "missing: a_mask.tif"


def test_a_model_is_the_same_by_its_checksum(scenes: Path, done: Path, model: Path) -> None:
    stand_in_card().write(model.with_suffix(".json"))
    assert left(scenes, done, model) == {}
    replace(stand_in_card(), sha256="1" * 64).write(model.with_suffix(".json"))
    assert left(scenes, done, model) == dict.fromkeys("abcd", "changed: model")


def test_only_what_has_changed_is_done_again(
    scenes: Path, done: Path, tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with rasterio.open(scenes / "b.tif", "r+") as dst:
        dst.write(image((50, 50, 10, 10)))
    (done / "d.gpkg").unlink()
    assert left(scenes, done, model) == {"b": "changed: scene", "d": "missing: d.gpkg"}
    with caplog.at_level(logging.INFO):
        summary = go_batch(scenes, done, model)
    assert [text.split(" (")[0] for text in caplog.messages if " of 2)" in text] == [
        str(scenes / "b.tif"), str(scenes / "d.tif")
    ]  # fmt: skip
    assert summary.landslides == 1 + 1 + 3 + 4
    go_batch(scenes, tmp_path / "anew", model)
    assert_same(done / "landslides.gpkg", tmp_path / "anew" / "landslides.gpkg")


def test_a_raster_of_other_settings_does_not_pass_for_the_one_asked_for(
    scenes: Path, tmp_path: Path, model: Path
) -> None:
    go_batch(scenes / "a.tif", tmp_path / "out", model, mask=True, probability=True, stac=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {LEDGER, "landslide.log", "landslides.gpkg", "a.gpkg", "a.json", "a_mask.tif", "a_mask.qml",
                     "a_probability.tif", "a_probability.qml"}  # fmt: skip
    go_batch(scenes / "a.tif", tmp_path / "out", model, threshold=0.9)
    assert left(scenes / "a.tif", tmp_path / "out", model, threshold=0.9) == {}
    # The mask that lies there is that of the first run.
    assert (
        "a_mask.tif" in left(scenes / "a.tif", tmp_path / "out", model, threshold=0.9, mask=True, overwrite=True)["a"]
    )


def test_what_the_batch_did_not_write_is_not_replaced(scenes: Path, tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.gpkg").write_text("mine")
    with pytest.raises(OutputError, match=r"didn't write, or that were changed since: b\.gpkg; .*--overwrite"):
        go_batch(scenes, out, model)
    assert go_batch(scenes, out, model, overwrite=True).landslides == 1 + 2 + 3 + 4


def test_what_a_killed_run_named_may_be_replaced_and_what_somebody_made_since_may_not(
    scenes: Path, tmp_path: Path, model: Path
) -> None:
    """It was killed when its output had its name and the record of that had not."""
    out = tmp_path / "out"
    (out / LEDGER).mkdir(parents=True)
    (out / "b.gpkg").write_bytes(b"the killed one's")
    Ledger.of(out).write("b", Record("begun", {}, naming={"b.gpkg": stamp_of(out / "b.gpkg")}))
    assert left(scenes, out, model) == dict.fromkeys("acd", "new") | {"b": "interrupted"}
    geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32648").to_file(out / "b.gpkg")
    with pytest.raises(OutputError, match=r"didn't write, or that were changed since: b\.gpkg"):
        left(scenes, out, model)


def test_a_scene_that_fails_when_it_is_done_again_does_not_block_the_batch(
    scenes: Path, done: Path, model: Path
) -> None:
    """Its earlier output stays the batch's own."""
    whole = (scenes / "b.tif").read_bytes()
    (scenes / "b.tif").write_bytes(whole[:2000])
    assert go_batch(scenes, done, model).failed == 1
    assert left(scenes, done, model) == {"b": "failed before"}
    (scenes / "b.tif").write_bytes(whole)
    assert go_batch(scenes, done, model).landslides == 10


def test_a_copy_of_the_outputs_counts_as_what_was_written(scenes: Path, done: Path, model: Path) -> None:
    copy = done.with_name("copy")
    shutil.copytree(done, copy, copy_function=shutil.copy)
    for path in copy.glob("*.gpkg"):
        os.utime(path, (1, 1))
    assert left(scenes, copy, model) == {}
    assert go_batch(scenes, copy, model, threshold=0.4).landslides == 10


def test_an_inventory_that_was_edited_by_hand_stays_and_is_merged(scenes: Path, done: Path, model: Path) -> None:
    drop_first(done / "d.gpkg")
    assert left(scenes, done, model) == {}
    assert go_batch(scenes, done, model).landslides == 1 + 2 + 3 + 4 - 1


def test_an_inventory_that_was_edited_by_hand_is_replaced_only_if_asked_for(
    scenes: Path, done: Path, model: Path
) -> None:
    drop_first(done / "d.gpkg")
    with pytest.raises(OutputError, match=r"changed since: d\.gpkg"):
        go_batch(scenes, done, model, threshold=0.4)
    assert go_batch(scenes, done, model, threshold=0.4, overwrite=True).landslides == 1 + 2 + 3 + 4


@pytest.mark.parametrize(
    ("name", "message"), [("file", "file is a file; name a folder"), ("no/where", "does not exist; make it first")]
)
def test_a_folder_that_can_not_be_made_is_refused(
    scenes: Path, tmp_path: Path, model: Path, name: str, message: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=message):
        go_batch(scenes, tmp_path / name, model)


def drop_first(path: Path) -> None:
    frame = geopandas.read_file(path, layer="landslides")
    frame[1:].to_file(path, layer="landslides", driver="GPKG", engine="pyogrio")


def test_a_vrt_has_changed_when_a_file_behind_it_has(scenes: Path, tmp_path: Path, model: Path) -> None:
    with rasterio.open(scenes / "a.tif") as src, WarpedVRT(src, crs="EPSG:4326") as warped:
        rasterio.shutil.copy(warped, tmp_path / "warped.vrt", driver="VRT")
    go_batch(tmp_path / "warped.vrt", tmp_path / "out", model)
    assert left(tmp_path / "warped.vrt", tmp_path / "out", model) == {}
    with rasterio.open(scenes / "a.tif", "r+") as dst:
        dst.write(image((50, 50, 10, 10)))
    assert left(tmp_path / "warped.vrt", tmp_path / "out", model) == {"warped": "changed: scene"}


@pytest.mark.parametrize("ending", [".ovr", ".aux.xml"])
def test_what_lies_beside_a_scene_may_change(scenes: Path, done: Path, model: Path, ending: str) -> None:
    (scenes / f"a.tif{ending}").write_bytes(b"new")
    assert left(scenes, done, model) == {}


def test_paths_and_scenes_that_were_found_are_not_mixed(scenes: Path, tmp_path: Path, model: Path) -> None:
    found = find_scenes([scenes / "a.tif"])
    with pytest.raises(OptionError, match="give paths, or what find_scenes gave, and not both"):
        plan_batch([*found, scenes / "b.tif"], tmp_path / "out", runtime=Runtime(model=model))


def test_what_cannot_be_opened_is_told_before_it_is_tried(scenes: Path, tmp_path: Path, model: Path) -> None:
    found = left([scenes / "a.tif", scenes / "gone.tif"], tmp_path / "out", model)
    assert found == {"a": "new", "gone": "can't be opened"}


def test_a_name_that_is_not_utf8_fails_as_one_scene(scenes: Path, tmp_path: Path, model: Path) -> None:
    (scenes / "a.tif").rename(scenes / os.fsdecode(b"G\xfcnter.tif"))
    found = go_batch(scenes, tmp_path / "out", model)
    assert (found.done, found.failed) == (3, 1)
    assert "not UTF-8" in next(row.reason for row in found.scenes if row.state == "failed")


@pytest.mark.parametrize("spoil", [lambda raw: b"", lambda raw: raw[: len(raw) // 2], lambda raw: bytes(len(raw))])
@pytest.mark.parametrize("name", ["a.gpkg", "a_mask.tif"])
def test_outputs_that_were_spoilt_are_done_again(
    scenes: Path, tmp_path: Path, model: Path, spoil: Callable[[bytes], bytes], name: str
) -> None:
    out = tmp_path / "out"
    go_batch(scenes, out, model, mask=True)
    whole, then = (out / name).read_bytes(), (out / name).stat()
    (out / name).write_bytes(spoil(whole))
    os.utime(out / name, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert left(scenes, out, model, mask=True) == {"a": f"damaged: {name}"}
    go_batch(scenes, out, model, mask=True)
    assert left(scenes, out, model, mask=True) == {}
    refuse_unsound(out / name)


@pytest.mark.parametrize("spoil", [lambda raw: b"", lambda raw: raw[: len(raw) // 2]])
def test_a_merged_inventory_that_was_spoilt_is_merged_anew(
    scenes: Path, done: Path, model: Path, spoil: Callable[[bytes], bytes]
) -> None:
    merged = done / "landslides.gpkg"
    merged.write_bytes(spoil(merged.read_bytes()))
    go_batch(scenes, done, model)
    assert len(geopandas.read_file(merged, layer="landslides")) == 10
