"""Valid is what mask, alpha and nodata agree on; what none of them declares is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from landslide_cli.errors import UndeclaredNodataWarning
from landslide_cli.scene.scene import open_scene, warn_of_undeclared_nodata
from landslide_cli.scene.validity import Probe, Undeclared, equal, holding, is_marker, undeclared
from landslide_cli.typing import Bools
from tests.conftest import MakeScene, noise

RGB = ("red", "green", "blue")
SIZE = 96
WHOLE = Window(0, 0, SIZE, SIZE)
ROWS, COLS = np.mgrid[:SIZE, :SIZE]
FLOWN: Bools = np.hypot(ROWS - 48, COLS - 48) < 40
OUTSIDE = 1 - FLOWN.mean()


def coloured(path: Path, colours: Sequence[str]) -> Path:
    with rasterio.open(path, "r+") as dst:
        dst.colorinterp = [ColorInterp[colour] for colour in colours]
    return path


def valid_of(path: Path, **options: Any) -> Bools:
    with open_scene(path, wanted=RGB, **options) as scene:
        return scene.read(WHOLE)[1]


def photo(dtype: str = "uint8") -> NDArray[Any]:
    return (noise(3, SIZE, SIZE) % 200 + 20).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "colours",
    [
        ["red", "green", "blue", "alpha"],
        ["alpha", "red", "green", "blue"],
        ["red", "green", "alpha", "blue"],
        ["red", "green", "blue", "undefined", "alpha"],
        ["red", "green", "blue", "undefined", "undefined", "alpha"],
    ],
)
def test_alpha_counts_wherever_it_lies_and_however_deep(make_scene: MakeScene, colours: list[str], dtype: str) -> None:
    deepest = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    bands = np.resize(photo(dtype), (len(colours), SIZE, SIZE))
    bands[colours.index("alpha")] = FLOWN * deepest
    assert (valid_of(coloured(make_scene(bands, photometric="minisblack"), colours)) == FLOWN).all()


def test_alpha_nodata_and_a_mask_count_together(make_scene: MakeScene) -> None:
    pixels = photo()
    pixels[:, :5] = 7
    bands = np.concatenate([pixels, (FLOWN * 255).astype(np.uint8)[None]])
    path = coloured(make_scene(bands, nodata=7), ["red", "green", "blue", "alpha"])
    assert (valid_of(path) == (FLOWN & (ROWS >= 5))).all()
    mask = COLS > 50
    masked = make_scene(pixels, name="masked.tif", nodata=7, valid=mask)
    assert (valid_of(masked) == (mask & (ROWS >= 5))).all()


def test_a_given_nodata_value_takes_the_place_of_the_declared_one(make_scene: MakeScene) -> None:
    pixels = photo()
    pixels[:, :5], pixels[:, -5:] = 7, 9
    path = make_scene(pixels, nodata=7)
    assert (valid_of(path) == (ROWS >= 5)).all()
    assert (valid_of(path, nodata=9.0) == (ROWS < SIZE - 5)).all()
    assert valid_of(path, nodata="none").all()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint8", 0), ("uint8", 255), ("uint8", 128), ("uint16", 65535), ("int16", -32768), ("float32", -9999)],
)
def test_a_collar_that_nobody_declared_is_told(make_scene: MakeScene, dtype: str, value: float) -> None:
    path = make_scene(np.where(FLOWN, photo(dtype), np.array(value, dtype)).astype(dtype))
    with open_scene(path, wanted=RGB) as scene:
        found = scene.undeclared_nodata
        assert found is not None
        assert found.value == value
        assert found.share == pytest.approx(OUTSIDE)
        with pytest.warns(UndeclaredNodataWarning, match=rf"{OUTSIDE:.0%} .*--nodata {value} .*--nodata none"):
            warn_of_undeclared_nodata(scene)


def test_a_gap_inside_and_a_single_marker_are_told(make_scene: MakeScene) -> None:
    gap = photo()
    gap[:, 30:60, 30:60] = 0
    marker = photo("float32")
    marker[:, 40, 40] = -9999
    for name, pixels, value in (("gap.tif", gap, 0), ("marker.tif", marker, -9999)):
        with open_scene(make_scene(pixels, name=name), wanted=RGB) as scene:
            found = scene.undeclared_nodata
            assert found is not None
            assert found.value == value


def test_a_collar_of_a_colour_is_told_with_another_remedy(make_scene: MakeScene) -> None:
    collar = np.array([10, 20, 30], dtype=np.uint8)[:, None, None]
    path = make_scene(np.where(FLOWN, photo(), collar))
    with open_scene(path, wanted=RGB) as scene, pytest.warns(UndeclaredNodataWarning, match='-srcnodata "10 20 30"'):
        warn_of_undeclared_nodata(scene)


@pytest.mark.parametrize("kind", ["photograph", "declared", "masked", "drawing", "flat", "dark spots", "said"])
def test_nothing_is_told_without_reason(make_scene: MakeScene, kind: str) -> None:
    black = np.where(FLOWN, photo(), 0).astype(np.uint8)
    spots = photo()
    spots[:, noise(SIZE, SIZE, seed=5) < 60] = 0
    pixels = {
        "photograph": photo(),
        "drawing": np.where(FLOWN, np.uint8(200), np.uint8(0))[None].repeat(3, axis=0),
        "flat": np.zeros((3, SIZE, SIZE), dtype=np.uint8),
        "dark spots": spots,
    }
    declared: dict[str, Any] = {"declared": {"nodata": 0}, "masked": {"valid": FLOWN}}
    path = make_scene(pixels.get(kind, black), **declared.get(kind, {}))
    with open_scene(path, wanted=RGB, nodata="none" if kind == "said" else None) as scene:
        warn_of_undeclared_nodata(scene)  # a warning is an error here


def test_what_nobody_declared_stretches_nothing(make_scene: MakeScene) -> None:
    pixels = photo("float32")
    with open_scene(make_scene(pixels, name="whole.tif"), wanted=RGB) as scene:
        right = scene.stretch()
    with open_scene(make_scene(np.where(FLOWN, pixels, np.float32(-9999))), wanted=RGB) as scene:
        assert scene.stretch() == pytest.approx(right, abs=3)


def probe(image: NDArray[Any], *, valid: Bools | None = None) -> Probe:
    """A scene that is one window."""
    edge = np.zeros(image.shape[1:], dtype=bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    return Probe(image, np.ones(edge.shape, dtype=bool) if valid is None else valid, edge)


def flecked(height: int = 100, width: int = 100) -> NDArray[np.uint8]:
    """A photograph in which no neighbours are alike."""
    rows, cols = np.mgrid[:height, :width]
    return np.stack([(rows * 7 + cols * 3 + band) % 100 + 50 for band in range(3)]).astype(np.uint8)


# Solid parts in the upper left corner of 100 x 100 pixels.
@pytest.mark.parametrize(
    ("rows", "cols", "told"),
    [
        (1, 100, True),
        (1, 99, False),
        (100, 50, True),
        (100, 100, False),
    ],  # where all is one value, that is what is there
)
def test_a_collar_is_told_of_from_a_hundredth_of_the_scene_on(rows: int, cols: int, told: bool) -> None:
    image = flecked()
    image[:, :rows, :cols] = 7
    found = undeclared([probe(image)])
    assert (found is not None) == told
    if told:
        assert found == Undeclared((7.0, 7.0, 7.0), rows * cols / 10_000, "along its border")
        assert found.value == 7


def test_a_solid_part_that_hardly_touches_the_outline_is_no_collar() -> None:
    image = flecked()
    image[:, 40:58, :40] = 7  # 18 of 396 pixels of the outline
    assert undeclared([probe(image)]) is None
    image[:, 40:60, :40] = 7  # 20 of them
    assert undeclared([probe(image)]) is not None


@pytest.mark.parametrize(("alike", "told"), [(0.9, True), (0.7, False)])
def test_a_collar_is_solid(alike: float, told: bool) -> None:
    """Of each row of ten pixels so many are the collar's, the others of the photograph."""
    image, rng = flecked(200, 400), np.random.default_rng(0)
    part = np.zeros((200, 400), dtype=bool)
    part[:, :100] = rng.random((200, 100)) < alike
    image[:, part] = 7
    assert (undeclared([probe(image)]) is not None) == told


def test_in_a_drawing_nothing_is_a_collar() -> None:
    """What is solid everywhere tells nothing."""
    image = np.repeat(np.repeat(flecked(10, 10), 10, axis=1), 10, axis=2)
    image[:, :, :20] = 7
    assert undeclared([probe(image)]) is None


def test_a_collar_of_several_colours_has_no_one_value() -> None:
    image = flecked()
    image[:, :, :9] = np.array([1, 2, 3], np.uint8)[:, None, None]
    found = undeclared([probe(image)])
    assert found is not None
    assert (found.values, found.value) == ((1.0, 2.0, 3.0), None)


@pytest.mark.parametrize(("fill", "told"), [(0, True), (65535, True), (1, False), (65534, False)])
def test_a_solid_gap_is_told_of_what_files_are_filled_with(fill: int, told: bool) -> None:
    image = flecked().astype(np.uint16)
    image[:, 40:50, 40:49] = fill
    assert undeclared([probe(image)]) is None  # less than a hundredth
    image[:, 40:50, 40:50] = fill
    found = undeclared([probe(image)])
    assert (found == Undeclared((float(fill),) * 3, 0.01, "in solid areas")) == told
    assert (found is not None) == told


LOWEST = [float(np.finfo(kind).min) for kind in (np.float32, np.float64)]


@pytest.mark.parametrize("marker", [-9999, -99999, -999, -32768, -32767, *LOWEST])
def test_a_marker_is_told_of_wherever_it_lies(marker: float) -> None:
    dtype = np.float64 if abs(marker) > 1e100 else np.float32 if marker < -40_000 else np.int32
    image = flecked().astype(dtype)
    image[:, 50, 50] = marker
    found = undeclared([probe(image)])
    assert found == Undeclared((marker,) * 3, 1e-4, "that stands for missing data elsewhere")
    assert is_marker(image).sum() == 3
    # In one band it is a number like any other, and where it is invalid already it needs no word.
    image[0, 50, 50] = 60
    assert undeclared([probe(image)]) is None
    image[:] = marker
    assert undeclared([probe(image)]) is None


def test_invalid_pixels_are_not_asked_about() -> None:
    image = flecked()
    image[:, :, :20] = 7
    known = np.ones((100, 100), dtype=bool)
    known[:, :20] = False
    assert undeclared([probe(image, valid=known)]) is None


@pytest.mark.parametrize(
    ("dtype", "value", "holds"),
    [
        ("uint8", 255.0, 255), ("uint8", 256.0, None), ("uint8", -1.0, None), ("uint8", 0.0, 0), ("uint8", 7.5, None),
        ("int16", -32768.0, -32768), ("int16", 32768.0, None), ("float32", 0.1, 0.1), ("float64", -9999.0, -9999),
        ("float32", float("nan"), None), ("float32", float("inf"), None), ("uint8", None, None),
    ],
)  # fmt: skip
def test_a_value_is_found_as_the_file_rounds_it(dtype: str, value: float | None, holds: float | None) -> None:
    pixels = np.array([[0 if holds is None else holds, 3]], dtype=dtype)
    assert equal(pixels, value).tolist() == [[holds is not None, False]]
    assert equal(pixels.astype("float32"), 3 * (1 + 5e-7)).tolist() == [[False, True]]
    assert not equal(pixels.astype("float64"), 3 * (1 + 5e-6)).any()


def test_each_band_holds_its_own_value() -> None:
    image = np.array([[[1, 1, 2]], [[5, 6, 5]]], dtype=np.uint8)
    assert holding(image, (1, 5)).tolist() == [[True, False, False]]
    assert not holding(image, (1, None)).any()
