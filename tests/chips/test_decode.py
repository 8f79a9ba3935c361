from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.chips.decode import letterbox_image, letterbox_mask, placement
from tests.conftest import noise

sides = st.integers(1, 200)


sizes = st.integers(32, 128)


@given(sides, sides, sizes)
def test_an_image_is_centred_whole_and_never_enlarged(height: int, width: int, size: int) -> None:
    fitted_height, fitted_width, top, left = placement(height, width, size)
    assert fitted_height <= min(height, size)
    assert fitted_width <= min(width, size)
    assert 0 <= (size - fitted_height) - 2 * top <= 1
    assert 0 <= (size - fitted_width) - 2 * left <= 1
    if max(height, width) > size:
        assert max(fitted_height, fitted_width) == size
        zoom = size / max(height, width)
        assert abs(fitted_height - height * zoom) <= 1
        assert abs(fitted_width - width * zoom) <= 1
    else:
        assert (fitted_height, fitted_width) == (height, width)


@given(sides, sides, sizes)
def test_small_images_come_through_untouched_on_zeros(height: int, width: int, size: int) -> None:
    image = noise(height, width, 3) // 2 + 1
    square = letterbox_image(image, size)
    assert square.shape == (size, size, 3)
    fitted_height, fitted_width, top, left = placement(height, width, size)
    inside = np.s_[top : top + fitted_height, left : left + fitted_width]
    if max(height, width) <= size:
        np.testing.assert_array_equal(square[inside], image)
    assert (square[inside] > 0).all()
    square[inside] = 0
    assert not square.any()


@given(sides, sides, sizes)
def test_a_mask_goes_where_its_image_goes(height: int, width: int, size: int) -> None:
    bright = np.zeros((height, width), dtype=bool)
    bright[: max(1, height // 2)] = True
    image = (bright * np.uint8(255))[..., None].repeat(3, axis=2)
    np.testing.assert_array_equal(letterbox_mask(bright, size), letterbox_image(image, size)[..., 0] > 127)
    whole = np.ones((height, width), dtype=bool)
    fitted_height, fitted_width, _, _ = placement(height, width, size)
    assert letterbox_mask(whole, size).sum() == fitted_height * fitted_width
