"""What is to be done, what is done again, and what is refused before any work."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import geopandas
import pytest
import rasterio
import rasterio.shutil
import shapely
from rasterio.vrt import WarpedVRT

from landslide_cli.batch.planning import LEDGER
from landslide_cli.errors import OutputError
from tests.batch.conftest import assert_same, beside, go_batch, image, left
from tests.conftest import MakeScene, stand_in_card


def test_only_what_has_changed_is_done_again(
    scenes: Path, tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    assert left(scenes, out, model) == dict.fromkeys("abcd", "new")
    assert not out.exists()
    go_batch(scenes, out, model)
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
        summary = go_batch(scenes, out, model)
    assert [text.split(" (")[0] for text in caplog.messages if " of 2)" in text] == [
        str(scenes / "b.tif"), str(scenes / "d.tif")
    ]  # fmt: skip
    assert summary.landslides == 1 + 1 + 3 + 4
    go_batch(scenes, tmp_path / "anew", model)
    assert_same(out / "landslides.gpkg", tmp_path / "anew" / "landslides.gpkg")
    stamp = (out / "landslides.gpkg").stat().st_mtime_ns
    assert replace(go_batch(scenes, out, model)) == summary
    assert (out / "landslides.gpkg").stat().st_mtime_ns == stamp


def test_a_raster_of_other_settings_does_not_pass_for_the_one_asked_for(
    scenes: Path, tmp_path: Path, model: Path
) -> None:
    go_batch(scenes / "a.tif", tmp_path / "out", model, mask=True, probability=True, stac=True)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {LEDGER, "landslides.gpkg", "a.gpkg", "a.json", "a_mask.tif", "a_mask.qml", "a_probability.tif",
                     "a_probability.qml"}  # fmt: skip
    go_batch(scenes / "a.tif", tmp_path / "out", model, threshold=0.9)
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
        go_batch(scenes, out, model)
    # A process was killed when its output had its name and its record had not.
    (out / LEDGER).mkdir()
    claim = out / LEDGER / "b.claim.1"
    claim.write_text(json.dumps({"host": "elsewhere", "pid": 1, "start": ""}))
    os.utime(claim, (0, 0))
    assert left(scenes, out, model) == {"b": "new", "d": "new"}
    claim.unlink()
    go_batch(scenes, out, model, overwrite=True)
    # Edited by hand, it stays, and the merged inventory follows it.
    drop_first(out / "d.gpkg")
    assert go_batch(scenes, out, model).landslides == 5
    with pytest.raises(OutputError, match=r"changed since: d\.gpkg"):
        go_batch(scenes, out, model, threshold=0.4)
    assert go_batch(scenes, out, model, threshold=0.4, overwrite=True).landslides == 6
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file is a file; name a folder"):
        go_batch(scenes, tmp_path / "file", model)
    with pytest.raises(OutputError, match="does not exist; make it first"):
        go_batch(scenes, tmp_path / "no" / "where", model)


def drop_first(path: Path) -> None:
    frame = geopandas.read_file(path, layer="landslides")
    frame[1:].to_file(path, layer="landslides", driver="GPKG", engine="pyogrio")


def test_two_scenes_of_one_name_are_refused_before_any_work(
    scenes: Path, tmp_path: Path, model: Path, make_scene: MakeScene
) -> None:
    (scenes / "north").mkdir()
    again = make_scene(image((5, 5, 5, 5)), name="scenes/north/A.tif", transform=beside(9))
    with pytest.raises(OutputError, match=rf"{scenes}/a.tif and {again} would both write A\.gpkg; .*--name-by path"):
        go_batch(scenes, tmp_path / "out", model, recursive=True)
    assert not (tmp_path / "out").exists()
    summary = go_batch(scenes, tmp_path / "out", model, recursive=True, name_by="path")
    assert summary.landslides == 11
    merged = geopandas.read_file(tmp_path / "out" / "landslides.gpkg", layer="landslides")
    assert set(merged["scene"]) == {"a.tif", "b.tif", "c.tif", "d.tif", "north_A.tif"}
    (scenes / "north_A.tif").write_bytes(again.read_bytes())
    with pytest.raises(OutputError, match=r"would both write north_A\.gpkg; rename one"):
        go_batch(scenes, tmp_path / "out", model, recursive=True, name_by="path")
    (scenes / "Landslides.tif").write_bytes(again.read_bytes())
    with pytest.raises(OutputError, match="the name of the merged inventory; rename the scene"):
        go_batch(scenes, tmp_path / "out", model)


def test_a_vrt_has_changed_when_a_file_behind_it_has(scenes: Path, tmp_path: Path, model: Path) -> None:
    with rasterio.open(scenes / "a.tif") as src, WarpedVRT(src, crs="EPSG:4326") as warped:
        rasterio.shutil.copy(warped, tmp_path / "warped.vrt", driver="VRT")
    go_batch(tmp_path / "warped.vrt", tmp_path / "out", model)
    assert left(tmp_path / "warped.vrt", tmp_path / "out", model) == {}
    with rasterio.open(scenes / "a.tif", "r+") as dst:
        dst.write(image((50, 50, 10, 10)))
    assert left(tmp_path / "warped.vrt", tmp_path / "out", model) == {"warped": "changed: scene"}


@pytest.mark.parametrize("ending", [".ovr", ".aux.xml"])
def test_what_lies_beside_a_scene_may_change(scenes: Path, tmp_path: Path, model: Path, ending: str) -> None:
    go_batch(scenes, tmp_path / "out", model)
    (scenes / f"a.tif{ending}").write_bytes(b"new")
    assert left(scenes, tmp_path / "out", model) == {}
