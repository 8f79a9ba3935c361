"""A network's answers on whole chips against their masks, seen as `detect` would see them."""

from __future__ import annotations

import numpy as np

from landslide_cli.chips.chip import Chip
from landslide_cli.chips.decode import LANDSLIDE, UNKNOWN
from landslide_cli.engine import Engine
from landslide_cli.metrics.scores import Histogram
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.prediction.image import predict_image
from landslide_cli.typing import Bools, Bytes


def judge(
    engine: Engine, sources: dict[str, list[Chip]], zooms: dict[str, float], value_range: tuple[float, float]
) -> dict[str, Histogram]:
    """Predict every chip of every source at the source's zoom; histograms at native size, pooled by source."""
    return {
        name: Histogram.total(_histogram(engine, chip, zooms[name], value_range) for chip in chips)
        for name, chips in sources.items()
        if chips
    }


def _histogram(engine: Engine, chip: Chip, zoom: float, value_range: tuple[float, float]) -> Histogram:
    return Histogram.of(*answer(engine, chip, value_range, zoom))


def answer(engine: Engine, chip: Chip, value_range: tuple[float, float], zoom: float) -> tuple[Bytes, Bools]:
    """Predict a chip at a zoom.

    Returns:
        ``(stored, truth)``, both of shape ``(height, width)``: stored probabilities, 255 where nobody knows what is
        there, and True where there is landslide.
    """
    image = chip.read_image()
    stored, truth = predict_image(engine, image, value_range, zoom), chip.read_truth(image.shape[:2])
    return np.where(truth == UNKNOWN, np.uint8(NODATA), stored), truth == LANDSLIDE
