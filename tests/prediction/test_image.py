"""A network's answer on an image that is held as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslide_cli.engine.views import in_views
from landslide_cli.errors import TrainingDataError
from landslide_cli.mosaic.encoding import quantise
from landslide_cli.prediction.image import predict_image
from landslide_cli.tiling.resampling import resized
from tests.conftest import StandIn, noise

RANGE = (0.0, 255.0)


def of_first_band(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[:, 0] / np.float32(255)


@given(st.integers(1, 700), st.integers(1, 90), st.sampled_from([1.0, 0.3, 0.71, 2.2]))
def test_an_image_is_answered_as_a_whole(height: int, width: int, zoom: float) -> None:
    """Of a network that looks at each pixel alone, no window shows."""
    image = noise(height, width, 3)
    found = predict_image(StandIn(of_first_band, batch_size=1), image, RANGE, zoom)
    seen = max(1, round(height * zoom)), max(1, round(width * zoom))
    plane = image[None, ..., 0]
    answer = (plane if seen == (height, width) else np.rint(resized(plane, seen))).astype(np.float32) / 255
    expected = quantise(resized(answer, (height, width))[0] if seen != (height, width) else answer[0])
    assert found.shape == (height, width)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found == expected).mean() > 0.99


def test_the_mean_of_several_views_is_the_answer() -> None:
    image = noise(40, 50, 3)
    plain = predict_image(StandIn(of_first_band, batch_size=1), image, RANGE)
    assert (predict_image(in_views(StandIn(of_first_band, batch_size=1), "flips"), image, RANGE) == plain).all()


def test_more_than_can_be_held_is_refused() -> None:
    with pytest.raises(TrainingDataError, match="more than can be done"):
        predict_image(StandIn(of_first_band, batch_size=1), noise(40, 50, 3), RANGE, 1e5)
