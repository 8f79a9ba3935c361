"""A network's answers on whole chips against their masks, seen as `detect` would see them."""

from __future__ import annotations

from landslide_cli.chips.chip import Chip
from landslide_cli.engine import Engine
from landslide_cli.metrics.scores import Histogram
from landslide_cli.prediction.image import predict_image


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
    image = chip.read_image()
    return Histogram.of(predict_image(engine, image, value_range, zoom), chip.read_mask(image.shape[:2]))
