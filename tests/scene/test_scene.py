from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from landslide_cli.errors import SceneError
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, noise

RGB = ("red", "green", "blue")


WHOLE = Window(0, 0, 40, 30)


def test_reading_agrees_with_rasterio(make_scene: MakeScene) -> None:
    pixels = noise(4, 30, 40)
    path = make_scene(pixels)
    with open_scene(path, wanted=RGB, bands=(4, 1, 2)) as scene:
        image, valid = scene.read(Window(3, 4, 20, 10))
    assert (image == pixels[[3, 0, 1], 4:14, 3:23]).all()
    assert valid.all()


def test_bands_follow_the_colour_interpretation(make_scene: MakeScene) -> None:
    path = make_scene(noise(4, 30, 40))
    with rasterio.open(path, "r+") as dst:
        dst.colorinterp = (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)
    with open_scene(path, wanted=RGB) as scene:
        assert scene.bands == (3, 2, 1)


def test_without_colours_the_first_bands_that_are_not_alpha_are_taken(make_scene: MakeScene) -> None:
    path = make_scene(noise(5, 30, 40), photometric="minisblack")
    with rasterio.open(path, "r+") as dst:
        dst.colorinterp = (ColorInterp.alpha, *[ColorInterp.undefined] * 4)
    with open_scene(path, wanted=RGB) as scene:
        assert scene.bands == (2, 3, 4)


def test_nodata_in_all_bands_is_invalid_and_in_one_band_is_not(make_scene: MakeScene) -> None:
    pixels = noise(3, 30, 40) % 200 + 1
    pixels[:, :5] = 0
    pixels[2, 10:] = 0
    with open_scene(make_scene(pixels, nodata=0), wanted=RGB) as scene:
        _, valid = scene.read(WHOLE)
    assert not valid[:5].any()
    assert valid[5:].all()


def test_an_internal_mask_decides(make_scene: MakeScene) -> None:
    mask = noise(30, 40) > 100
    with open_scene(make_scene(noise(3, 30, 40), valid=mask), wanted=RGB) as scene:
        assert (scene.read(WHOLE)[1] == mask).all()


def test_an_alpha_band_decides(make_scene: MakeScene) -> None:
    pixels = noise(4, 30, 40)
    pixels[3, :, :7] = 0
    pixels[3, :, 7:] = 9
    path = make_scene(pixels, photometric="rgb", alpha="non-premultiplied")
    with open_scene(path, wanted=RGB) as scene:
        _, valid = scene.read(WHOLE)
    assert scene.bands == (1, 2, 3)
    assert not valid[:, :7].any()
    assert valid[:, 7:].all()


def test_what_is_not_a_number_is_invalid_in_any_band(make_scene: MakeScene) -> None:
    pixels = noise(3, 30, 40, dtype="float32")
    pixels[1, 3, 4] = np.nan
    pixels[2, 5, 6] = np.inf
    with open_scene(make_scene(pixels), wanted=RGB) as scene:
        image, valid = scene.read(WHOLE)
    assert np.argwhere(~valid).tolist() == [[3, 4], [5, 6]]
    assert np.isfinite(image).all()


def test_the_stretch_is_one_pair_for_the_scene_and_ignores_nodata(make_scene: MakeScene) -> None:
    pixels = np.linspace(1000, 3000, 3 * 300 * 400).reshape(3, 300, 400).astype(np.uint16)
    pixels[:, :100] = 0
    with open_scene(make_scene(pixels, nodata=0), wanted=RGB) as scene:
        low, high = scene.stretch()
    expected = np.percentile(pixels[:, 100:], (1, 99))
    assert (low, high) == pytest.approx(expected, rel=0.02)


def test_a_flat_scene_still_has_a_stretch(make_scene: MakeScene) -> None:
    with open_scene(make_scene(np.full((3, 9, 9), 500, np.uint16)), wanted=RGB) as scene:
        assert scene.stretch() == (500, 501)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_small_windows_tell_what_is_valid_of_a_small_scene(
    make_scene: MakeScene, height: int, width: int, data: st.DataObject
) -> None:
    known = np.random.default_rng(0).random((height, width)) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    within = Window(left, top, data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top)))
    with open_scene(make_scene(noise(3, height, width), valid=known), wanted=RGB) as scene:
        assert scene.valid_share() == pytest.approx(known.mean())
        assert scene.valid_share(within) == pytest.approx(known[within.toslices()].mean())


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_the_stretch_is_that_of_the_whole_small_scene(make_scene: MakeScene, dtype: str) -> None:
    pixels = noise(3, 90, 70, dtype="uint8").astype(dtype) * 30 + 11
    pixels[:, :9] = 3
    known = np.ones((90, 70), dtype=bool)
    known[:9] = False
    with open_scene(make_scene(pixels, valid=known), wanted=RGB) as scene:
        assert scene.stretch() == pytest.approx(tuple(np.percentile(pixels[:, 9:], (1, 99))))


@pytest.mark.parametrize(("value", "high"), [(7, 8), (-3e30, 0.0)])
def test_a_scene_of_one_value_is_stretched_a_little(make_scene: MakeScene, value: float, high: float) -> None:
    with open_scene(make_scene(np.full((3, 30, 40), value, np.float32)), wanted=RGB) as scene:
        low, found = scene.stretch()
    assert low == np.float32(value)
    assert found == pytest.approx(high)


def test_where_nothing_is_valid_nothing_can_be_stretched(make_scene: MakeScene) -> None:
    path = make_scene(noise(3, 30, 40, dtype="uint16"), valid=np.zeros((30, 40), dtype=bool))
    with open_scene(path, wanted=RGB) as scene, pytest.raises(SceneError, match="no valid pixel was found to stretch"):
        scene.stretch()
