"""Rasters are opened without a trace beside them, and what can't be read safely is refused before it is opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from landslide_cli.errors import SceneError
from landslide_cli.scene import opening
from landslide_cli.scene.opening import opened
from tests.conftest import MakeScene, noise

VRT = '<VRTDataset rasterXSize="9" rasterYSize="9">{}</VRTDataset>'
BAND = '<VRTRasterBand dataType="Byte" band="1">{}</VRTRasterBand>'


def vrt(path: Path, source: str, kind: str = "SimpleSource") -> Path:
    inner = f'<{kind}><SourceFilename relativeToVRT="1">{source}</SourceFilename></{kind}>'
    path.write_text(VRT.format(BAND.format(inner)))
    return path


def refused(path: Path) -> str:
    with pytest.raises(SceneError) as error, opened(path):
        pass
    return str(error.value)


@pytest.mark.parametrize("source", ["http://h/s.tif", "/vsicurl/https://h/s.tif", "/vsis3/b/s.tif", "s3://b/s.tif"])
def test_a_local_file_reads_from_other_machines_only_if_it_may(tmp_path: Path, source: str) -> None:
    assert "another machine; allow it with --allow-remote" in refused(vrt(tmp_path / "a.vrt", source))
    # Nor by way of another one.
    assert "another machine" in refused(vrt(tmp_path / "b.vrt", "a.vrt"))


def test_a_vrt_of_local_files_is_opened(make_scene: MakeScene, tmp_path: Path) -> None:
    path = make_scene(noise(1, 9, 9), name="part.tif")
    with opened(vrt(tmp_path / "a.vrt", "part.tif")) as src, rasterio.open(path) as part:
        assert (src.read(1) == part.read(1)).all()


def test_a_vrt_that_names_itself_is_no_hang(tmp_path: Path) -> None:
    with pytest.raises((SceneError, rasterio.errors.RasterioError)), opened(vrt(tmp_path / "a.vrt", "a.vrt")) as src:
        src.read(1)


def test_a_filter_without_a_kernel_would_end_the_process(make_scene: MakeScene, tmp_path: Path) -> None:
    make_scene(noise(1, 9, 9), name="part.tif")
    assert "without a kernel" in refused(vrt(tmp_path / "a.vrt", "part.tif", "KernelFilteredSource"))


def test_blocks_and_bands_that_fill_the_memory_are_refused(
    make_scene: MakeScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_scene(noise(3, 64, 48, dtype="uint16"), tiled=True, blockxsize=48, blockysize=64, interleave="pixel")
    monkeypatch.setattr(opening, "MOST_BLOCK_BYTES", 3 * 64 * 48 * 2)
    with opened(path):
        pass
    monkeypatch.setattr(opening, "MOST_BLOCK_BYTES", 3 * 64 * 48 * 2 - 1)
    assert "is stored in blocks of 48 x 64 pixels, 0.0 GB each; rewrite it" in refused(path)
    bands = "".join(f'<VRTRasterBand dataType="Byte" band="{n}"/>' for n in range(1, 1002))
    (tmp_path / "b.vrt").write_text(VRT.format(bands))
    assert "has 1001 bands" in refused(tmp_path / "b.vrt")


def test_nothing_is_left_beside_what_is_read(make_scene: MakeScene, tmp_path: Path) -> None:
    path = make_scene(np.zeros((1, 9, 9), np.uint8), name="a.tif")
    with opened(path) as src:
        # GDAL keeps statistics beside a file that it may not write into.
        src.stats(indexes=1)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
