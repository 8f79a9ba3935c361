"""Which files an input consists of, and what is left beside it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely

from landslide_cli.errors import SceneError
from landslide_cli.files.belonging import beside, files_of, leaving_no_traces
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, constant, go, noise, stand_in_card


def test_files_of_names_as_gdal_takes_them(make_scene: MakeScene, tmp_path: Path) -> None:
    scene = make_scene(noise(3, 70, 80), name="s 1.tif")
    rasterio.shutil.copy(scene, tmp_path / "r.gpkg", driver="GPKG", RASTER_TABLE="ortho")
    rasterio.shutil.copy(scene, tmp_path / "s.vrt", driver="VRT")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.write(scene, "folder/s.tif")
    quoted = str(scene).replace(" ", "%20")
    for name, files in {
        str(scene): [scene], f"file://{scene}": [scene], f"file://{quoted}": [scene],
        f"GPKG:{tmp_path}/r.gpkg:ortho": [tmp_path / "r.gpkg"], f"GTIFF_DIR:1:{scene}": [scene],
        f"/vsizip/{tmp_path}/a.zip/folder/s.tif": [tmp_path / "a.zip"],
        f"zip://{tmp_path}/a.zip!folder/s.tif": [tmp_path / "a.zip"],
        str(tmp_path / "s.vrt"): [tmp_path / "s.vrt", scene], f"vrt://{scene}?bands=1,2,3": [scene],
    }.items():  # fmt: skip
        found = files_of(name)
        assert {file for file in files if file in found} == set(files), name


def test_what_lies_elsewhere_is_no_file_and_is_not_asked() -> None:
    for name in ("https://example.org/s.tif", "/vsicurl/https://example.org/s.tif", "s3://bucket/s.tif"):
        assert not any(file.exists() for file in files_of(name))


def test_a_name_that_gdal_cannot_be_told() -> None:
    with pytest.raises(SceneError, match="not UTF-8"):
        files_of("G\udcfcnter.tif")


def test_sidecars_are_those_of_the_name(tmp_path: Path) -> None:
    for name in ("a.gpkg", "a.gpkg-wal", "a.gpkg-shm", "A.gpkg-wal", "a.gpkg.aux.xml", "a.tif.aux.xml", "ab.gpkg-wal"):
        (tmp_path / name).touch()
    assert [path.name for path in beside(tmp_path / "a.gpkg")] == ["a.gpkg-shm", "a.gpkg-wal", "a.gpkg.aux.xml"]
    assert beside(tmp_path / "missing" / "a.gpkg") == []


def test_nothing_is_left_beside_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.tif.aux.xml").write_text("mine")
    with leaving_no_traces([tmp_path / "s.tif", f"GPKG:{tmp_path}/r.gpkg:t", None]):
        (tmp_path / "r.gpkg").touch()
        (tmp_path / "s.tif").touch()
    (tmp_path / "r.gpkg").touch()
    with leaving_no_traces([tmp_path / "s.tif", f"GPKG:{tmp_path}/r.gpkg:t", None]):
        (tmp_path / "s.tif.aux.xml").write_text("changed")
        (tmp_path / "r.gpkg.aux.xml").write_text("GDAL's")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.gpkg", "s.tif", "s.tif.aux.xml"]


def test_a_run_leaves_nothing_beside_rasters_in_a_geopackage(make_scene: MakeScene, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    scene = make_scene(blobs(70, 80), name="in/s.tif")
    rasterio.shutil.copy(scene, tmp_path / "in" / "r.gpkg", driver="GPKG")
    area = geopandas.GeoDataFrame(geometry=[shapely.box(*TRANSFORM @ (0, 70), *TRANSFORM @ (80, 0))], crs=UTM)
    area.to_file(tmp_path / "in" / "aoi.gpkg", VERSION="1.2", dataset_metadata={"a": "b"})
    import landslide_cli

    before = sorted((tmp_path / "in").iterdir())
    engine = constant(0.9)
    engine.batch_size = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landslide_cli.detection.prepare.find_model", lambda model: (Path(), stand_in_card()))
        landslide_cli.detect(
            tmp_path / "in" / "r.gpkg", tmp_path / "out.gpkg", engine=engine,
            view=landslide_cli.View(aoi=tmp_path / "in" / "aoi.gpkg"),
        )  # fmt: skip
    assert sorted((tmp_path / "in").iterdir()) == before
    assert np.isfinite(go(scene, stand_in_card(), constant(0.9))[0].analysed_share)
