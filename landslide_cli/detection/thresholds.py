"""How many landslides, and how much area, a probability raster holds at one threshold or another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslide_cli.detection.outputs import known
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.rules import Shaping
from landslide_cli.mosaic.blend import DEFAULT_BOUNDARY, NODATA, Boundary, outline_level, stored_threshold
from landslide_cli.mosaic.reading import Mosaic, OnRows, open_mosaic
from landslide_cli.polygons import Finished, StreamingPolygonizer

THRESHOLDS = tuple(step / 10 for step in range(1, 10))


@dataclass(frozen=True, slots=True)
class Row:
    """One threshold of the table.

    Attributes:
        threshold: Probability from which a pixel counts as landslide.
        landslides: Number of polygons.
        flat: Polygons that were dropped because the ground is too flat; None without an elevation model.
        area_m2: Their area together; None without a CRS.
    """

    threshold: float
    landslides: int
    flat: int | None
    area_m2: float | None


def table(
    probability: str | Path,
    *,
    min_area: float = 0.0,
    fill_holes: float = 0.0,
    simplify: float = 0.0,
    connectivity: int = 4,
    boundary: Boundary = DEFAULT_BOUNDARY,
    dem: str | Path | None = None,
    min_slope: float = 0.0,
    on_progress: OnRows | None = None,
) -> list[Row]:
    """Number and area of the landslides at the thresholds 0.1, 0.2, … 0.9, as `polygonize` would write them.

    The raster is read once for all of them, and of the polygons only their area is measured; see `polygonize`
    for the arguments.

    Raises:
        LandslideError: with a message that says what to do.
    """
    with open_mosaic(probability, dem=dem, min_slope_deg=min_slope) as mosaic:
        shaping = Shaping(min_area, fill_holes, simplify)
        counters = [_Counter(threshold, mosaic, shaping, connectivity, boundary) for threshold in THRESHOLDS]
        for strip in mosaic.strips(on_progress):
            analysed = strip.stored != NODATA
            for counter in counters:
                counter.add(strip.stored, analysed)
        return [counter.close() for counter in counters]


class _Counter:
    """Counts the landslides of one threshold."""

    def __init__(
        self, threshold: float, mosaic: Mosaic, shaping: Shaping, connectivity: int, boundary: Boundary
    ) -> None:
        self._threshold = threshold
        self._lowest = stored_threshold(threshold)
        self._measurer = Measurer(mosaic.ground, shaping, mosaic.terrain)
        self._polygonizer = StreamingPolygonizer(
            mosaic.width, connectivity=connectivity, min_pixels=shaping.sieve_px(mosaic.ground.pixel_m),
            level=outline_level(threshold, boundary),
        )  # fmt: skip
        self._needs_values = boundary == "smooth"
        self._landslides, self._flat = 0, 0
        self._area_m2 = 0.0 if mosaic.ground.on_earth else np.nan

    def add(self, stored: NDArray[np.uint8], analysed: NDArray[np.bool_]) -> None:
        landslide = analysed & (stored >= self._lowest)
        self._count(self._polygonizer.feed(landslide, stored if self._needs_values else None))

    def close(self) -> Row:
        self._count(self._polygonizer.close())
        flat = self._flat if self._measurer.terrain else None
        return Row(self._threshold, self._landslides, flat, known(self._area_m2))

    def _count(self, finished: Finished) -> None:
        found = self._measurer.sieve(finished.geometry)
        self._landslides += len(found.placed)
        self._flat += found.flat
        # The inventory adds up what it writes, and that is rounded.
        self._area_m2 += float(np.round(found.columns["area_m2"], 2).sum())
