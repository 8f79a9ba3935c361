"""What a person said of each polygon, and what chips make of it: pixel by pixel against a second opinion."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

from landslide_cli.chips.chip import find_chips
from landslide_cli.chips.decode import UNKNOWN
from tests.chips.conftest import cut
from tests.conftest import TRANSFORM, UTM, MakeScene, noise

SIZE = (128, 256)
Box = tuple[int, int, int, int]


def box(left: int, top: int, right: int, bottom: int) -> shapely.Geometry:
    """A box in pixels of the scene, on the map."""
    return shapely.Polygon(
        [TRANSFORM @ corner for corner in ((left, top), (right, top), (right, bottom), (left, bottom))]
    )


def write(path: Path, boxes: list[Box], **columns: list[object]) -> Path:
    geopandas.GeoDataFrame(columns, geometry=[box(*one) for one in boxes], crs=UTM).to_file(path)
    return path


def painted(boxes: list[Box]) -> np.ndarray:
    shapes = [box(*one) for one in boxes]
    return rasterize(shapes, out_shape=SIZE, transform=TRANSFORM).astype(bool) if shapes else np.zeros(SIZE, bool)


def truths(folder: Path) -> np.ndarray:
    """The masks of all chips laid back onto the scene; 254 where there is no chip."""
    whole = np.full(SIZE, 254, np.uint8)
    for path in (folder / "mask").iterdir():
        top, left = (int(part) for part in path.stem.split("_")[-2:])
        with rasterio.open(path) as src:
            assert src.nodata == UNKNOWN
            whole[top : top + src.height, left : left + src.width] = src.read(1)
    return whole


@pytest.fixture
def scene(make_scene: MakeScene) -> Path:
    return make_scene(noise(3, *SIZE))


YES, NO, UNSURE, LATER = (10, 10, 40, 40), (70, 10, 100, 50), (140, 70, 160, 100), (200, 80, 240, 120)
DRAWN = (80, 30, 120, 60)  # upon a part of what was rejected
STATUS = ["landslide", "not_landslide", "unsure", "unreviewed", "landslide"]


@pytest.mark.parametrize("area", [None, (0, 0, 150, 128)])
@pytest.mark.parametrize("at", ["grid", "labels"])
def test_only_what_a_person_checked_teaches(scene: Path, tmp_path: Path, area: Box | None, at: str) -> None:
    boxes = [YES, NO, UNSURE, LATER, DRAWN]
    labels = write(tmp_path / "reviewed.gpkg", boxes, status=STATUS)
    options = ["--size", "32", "--background", "0.9", "--at", at]
    if area:
        options += ["--aoi", str(write(tmp_path / "checked.gpkg", [area]))]
    cut(scene, labels, tmp_path / "chips", *options)
    expected = np.full(SIZE, UNKNOWN, np.uint8)
    if area:
        expected[painted([area])] = 0
    expected[painted([UNSURE, LATER])] = UNKNOWN
    expected[painted([NO])] = 0
    expected[painted([YES, DRAWN])] = 1
    found = truths(tmp_path / "chips")
    seen = found != 254
    np.testing.assert_array_equal(found[seen], expected[seen])
    assert seen[painted([YES, NO, DRAWN])].all()


def test_what_was_rejected_gets_chips_of_its_own_and_everything_is_told(scene: Path, tmp_path: Path) -> None:
    labels = write(tmp_path / "r.gpkg", [YES, NO, UNSURE, LATER], status=[*STATUS[:2], "unsure", None])
    lines = cut(scene, labels, tmp_path / "chips", "--size", "64", "--background", "0").stdout.splitlines()
    assert lines[0].endswith("chips: 1 chip with landslide, 1 of what was rejected, 0 without")
    assert lines[1] == "polygons: 1 landslide, 1 not_landslide, 1 unreviewed, 1 unsure"
    known = painted([YES, NO])[:64, :128].mean()
    assert lines[2] == f"{1 - known:.0%} of the chips' ground was not checked and teaches nothing"


def test_without_a_status_all_polygons_are_landslides_inside_of_the_area(scene: Path, tmp_path: Path) -> None:
    labels = write(tmp_path / "truth.gpkg", [YES, LATER], status=["active", "dormant"])  # somebody else's column
    area = write(tmp_path / "checked.gpkg", [(0, 0, 128, 128)])
    cut(scene, labels, tmp_path / "chips", "--size", "64", "--background", "0.9", "--aoi", str(area))
    found = truths(tmp_path / "chips")
    assert (found[painted([YES])] == 1).all()
    assert set(np.unique(found[:, 128:])) <= {UNKNOWN, 254}
    cut(scene, labels, tmp_path / "whole", "--size", "64", "--background", "0.9")
    assert UNKNOWN not in truths(tmp_path / "whole")


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (["unreviewed", None], "nobody has reviewed the 2 polygons"),
        (["unsure", "unreviewed"], "nobody has reviewed the 2 polygons"),
        (["not_landslide", "unsure"], "what is rejected teaches only beside landslides: confirm or draw some"),
        (["landslide", "maybe"], "the column status holds maybe; it needs one of unreviewed, unsure"),
    ],
)
def test_reviews_that_teach_nothing_are_refused(
    scene: Path, tmp_path: Path, answers: list[object], message: str
) -> None:
    labels = write(tmp_path / "r.gpkg", [YES, NO], status=answers)
    result = cut(scene, labels, tmp_path / "chips", "--size", "64", status=1)
    assert message in result.stderr
    assert not (tmp_path / "chips").exists()


def test_nodata_of_zero_is_no_landslide_as_ever(scene: Path, tmp_path: Path) -> None:
    """Many programs write nodata=0 into any mask."""
    cut(scene, write(tmp_path / "t.gpkg", [YES]), tmp_path / "chips", "--size", "64", "--background", "0")
    (path,) = (tmp_path / "chips" / "mask").iterdir()
    with rasterio.open(path, "r+") as src:
        src.nodata = 0
    (chip,) = find_chips(tmp_path / "chips")
    assert set(np.unique(chip.read_truth((64, 64)))) == {0, 1}


def test_a_folder_of_ground_that_nobody_knows_is_judged_where_it_is_known(scene: Path, tmp_path: Path) -> None:
    from landslide_cli.evaluation.judging import answer
    from tests.conftest import constant

    cut(scene, write(tmp_path / "r.gpkg", [YES, NO], status=STATUS[:2]), tmp_path / "chips", "--size", "64")
    engine = constant(1.0)
    engine.batch_size = 1
    for chip in find_chips(tmp_path / "chips"):
        stored, truth = answer(engine, chip, (0.0, 255.0), 1.0)
        marks = chip.read_truth((64, 64))
        np.testing.assert_array_equal(stored == 255, marks == UNKNOWN)
        np.testing.assert_array_equal(truth, marks == 1)
