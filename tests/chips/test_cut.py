"""`landslide chips`: what is cut lies where it was, shows what was there, and tiles back."""

from __future__ import annotations

import csv
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner, Result
from rasterio.features import rasterize
from rasterio.windows import from_bounds

from landslide_cli.chips.chip import find_chips
from landslide_cli.cli import main
from tests.conftest import TRANSFORM, UTM, MakeScene, noise


def cut(scene: Path, labels: Path, out: Path, *options: str, status: int = 0) -> Result:
    command = ["chips", str(scene), "--labels", str(labels), "-o", str(out), "-q", *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == status, result.output
    return result


def write_labels(path: Path, spots: list[tuple[float, float, float]], crs: str | int = UTM) -> Path:
    """Octagons around ``(col, row)`` of the scene with a radius in pixels."""
    shapes = [shapely.Point(TRANSFORM @ (col, row)).buffer(radius * 0.8, 2) for col, row, radius in spots]
    geopandas.GeoSeries(shapes, crs=UTM).to_crs(crs).to_file(path)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "slides.gpkg", [(40.3, 30.2, 11), (150, 95, 20), (200, 10, 6), (255, 120, 9)])


@pytest.fixture
def scene(make_scene: MakeScene) -> Path:
    return make_scene(noise(3, 130, 260))


@pytest.mark.parametrize("options", [["--stride", "32"], ["--at", "labels"], ["--stride", "64", "--block", "1"]])
def test_chips_lie_where_they_were_and_show_what_was_there(
    scene: Path, labels: Path, tmp_path: Path, options: list[str]
) -> None:
    cut(scene, labels, tmp_path / "chips", "--size", "64", *options)
    frame = geopandas.read_file(labels)
    with rasterio.open(scene) as src:
        whole = src.read()
        painted = rasterize(frame.geometry, out_shape=src.shape, transform=src.transform)
        for path in sorted((tmp_path / "chips" / "image").iterdir()):
            with rasterio.open(path) as chip, rasterio.open(tmp_path / "chips" / "mask" / path.name) as mask:
                assert chip.crs == mask.crs == src.crs
                assert chip.transform == mask.transform
                window = from_bounds(*chip.bounds, transform=src.transform).round_offsets().round_lengths()
                assert src.transform @ Affine.translation(window.col_off, window.row_off) == chip.transform
                assert chip.shape == (64, 64)
                here = (slice(None), *window.toslices())
                np.testing.assert_array_equal(chip.read(), whole[here])
                np.testing.assert_array_equal(mask.read(1), painted[here[1:]])


def test_the_grid_tiles_back_onto_the_scene(scene: Path, labels: Path, tmp_path: Path) -> None:
    """With a background share that takes every window, nothing is missing and nothing moved."""
    cut(scene, labels, tmp_path / "chips", "--size", "64", "--background", "0.99")
    with rasterio.open(scene) as src:
        whole, back = src.read(), np.zeros((3, *src.shape), np.uint8)
        seen = np.zeros(src.shape, int)
    for path in (tmp_path / "chips" / "image").iterdir():
        top, left = (int(part) for part in path.stem.split("_")[-2:])
        with rasterio.open(path) as chip:
            window = np.s_[top : top + chip.height, left : left + chip.width]
            back[:, *window] = chip.read()
            seen[window] += 1
    assert seen.min() == 1
    np.testing.assert_array_equal(back, whole)


def test_labels_of_another_crs_give_the_same_chips(scene: Path, labels: Path, tmp_path: Path) -> None:
    spots = [(40.3, 30.2, 11), (150, 95, 20), (200, 10, 6), (255, 120, 9)]
    geographic = write_labels(tmp_path / "degrees.gpkg", spots, crs=4326)
    cut(scene, labels, tmp_path / "a", "--size", "64")
    cut(scene, geographic, tmp_path / "b", "--size", "64")
    for one in (tmp_path / "a" / "mask").iterdir():
        with rasterio.open(one) as a, rasterio.open(tmp_path / "b" / "mask" / one.name) as b:
            assert (a.read() != b.read()).mean() < 1e-3


def test_a_window_with_nodata_is_left_out(make_scene: MakeScene, labels: Path, tmp_path: Path) -> None:
    array = noise(3, 130, 260) // 2 + 1
    array[:, :, :70] = 0
    result = cut(make_scene(array, nodata=0), labels, tmp_path / "chips", "--size", "64")
    assert "windows left out for invalid pixels" in result.stdout
    for path in (tmp_path / "chips" / "image").iterdir():
        assert int(path.stem.split("_")[-1]) >= 70


def test_groups_share_no_pixel_and_are_read_again(scene: Path, labels: Path, tmp_path: Path) -> None:
    result = cut(scene, labels, tmp_path / "chips", "--size", "32", "--stride", "10", "--block", "2")
    with (tmp_path / "chips" / "groups.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    owner = np.full((130, 260), "", dtype=object)
    for row in rows:
        top, left = (int(part) for part in row["stem"].split("_")[-2:])
        here = owner[top : top + 32, left : left + 32]
        assert set(here.ravel()) <= {"", row["group"]}
        here[:] = row["group"]
    chips = find_chips(tmp_path / "chips")
    assert {chip.image.stem: chip.group for chip in chips} == {row["stem"]: row["group"] for row in rows}
    with_landslide = sum(bool(chip.read_mask((32, 32)).any()) for chip in chips)
    assert f"{with_landslide} chips with landslide, {len(chips) - with_landslide} without" in result.stdout
    assert abs((len(chips) - with_landslide) / len(chips) - 0.25) < 0.02


def test_sixteen_bits_are_stretched_by_one_line_for_the_scene(
    make_scene: MakeScene, labels: Path, tmp_path: Path
) -> None:
    scene = make_scene(noise(4, 130, 260).astype(np.uint16) * 40)
    cut(scene, labels, tmp_path / "chips", "--size", "64", "--scale", "0,10200")
    path = next((tmp_path / "chips" / "image").iterdir())
    with rasterio.open(path) as chip, rasterio.open(scene) as src:
        window = from_bounds(*chip.bounds, transform=src.transform).round_offsets().round_lengths()
        np.testing.assert_array_equal(chip.read(), src.read((1, 2, 3), window=window) // 40)
        assert chip.tags()["LANDSLIDE_SCALE"] == "0,10200"


def refused(scene: Path, labels: Path, out: Path, *options: str) -> str:
    before = sorted(out.parent.rglob("*"))
    message = cut(scene, labels, out, *options, status=1).stderr
    assert sorted(out.parent.rglob("*")) == before
    return message


def test_labels_elsewhere_are_refused(scene: Path, tmp_path: Path) -> None:
    far = write_labels(tmp_path / "far.gpkg", [(9000, 9000, 5)])
    assert "(1 in all) meets scene.tif; check their coordinates" in refused(scene, far, tmp_path / "new")


def test_labels_that_are_missing_are_refused(scene: Path, tmp_path: Path) -> None:
    assert "can't be read as polygons" in refused(scene, tmp_path / "missing.gpkg", tmp_path / "new")


def test_a_layer_that_is_missing_is_refused(scene: Path, labels: Path, tmp_path: Path) -> None:
    assert "can't be read as polygons" in refused(scene, labels, tmp_path / "new", "--layer", "nowhere")


def test_a_scene_without_a_valid_window_is_refused(make_scene: MakeScene, labels: Path, tmp_path: Path) -> None:
    empty = make_scene(np.zeros((3, 130, 260), np.uint8), name="empty.tif", nodata=0)
    assert "is free of invalid pixels; try a smaller --size" in refused(empty, labels, tmp_path / "new")


def test_chips_go_into_a_new_folder(scene: Path, labels: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert "chips go into a new folder" in refused(scene, labels, tmp_path / "mine")
