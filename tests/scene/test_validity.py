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
