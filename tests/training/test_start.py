from __future__ import annotations

from pathlib import Path

import numpy as np

from landslide_cli.chips.chip import find_chips
from landslide_cli.training.start import pixel_statistics


def test_pixel_statistics_are_those_of_the_pixels(data: Path) -> None:
    chips = find_chips(data / "slides")
    pixels = np.concatenate([chip.read_image().reshape(-1, 3) for chip in chips]) / 255
    mean, std = pixel_statistics(chips, seed=0)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(std, pixels.std(axis=0), atol=1e-4)
