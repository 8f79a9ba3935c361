"""Strips of a mosaic to polygons, and on to the inventory."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.encoding import NODATA, SPREAD_STEP, STEPS, Boundary, outline_level, stored_threshold
from landslide_cli.polygons import Finished, StreamingPolygonizer, joined
from landslide_cli.polygons.histograms import Histograms

VERTICES_IN_MEMORY = 30_000
HIGH = 0.9


class Collector:
    """Turns the strips of a mosaic into polygons, of landslides and of what was analysed, and passes them on.

    Args:
        inventory: Where they go.
        width: Columns of the mosaic.
        threshold: Probability from which a pixel counts as landslide.
        connectivity: 4 or 8.
        sieve_px: Landslides of fewer pixels are dropped before anything is made of them.
        spread: Whether strips have a spread.
        boundary: Whether outlines of landslides are those of pixels or follow the probability.

    Attributes:
        known: Pixels analysed so far.
    """

    def __init__(
        self, inventory: InventoryWriter, *, width: int, threshold: float, connectivity: int, sieve_px: float,
        spread: bool, boundary: Boundary,
    ) -> None:  # fmt: skip
        self.known = 0
        self._inventory = inventory
        self._with_spread = spread
        self._lowest = stored_threshold(threshold)
        self._landslides = StreamingPolygonizer(
            width, connectivity=connectivity, min_pixels=sieve_px, histograms=Histograms(stored_threshold(HIGH)),
            level=outline_level(threshold, boundary),
        )  # fmt: skip
        self._analysed = StreamingPolygonizer(width)
        self._found: list[Finished] = []
        self._vertices = 0

    def add(self, strip: Strip) -> NDArray[np.bool_]:
        """Add a strip; give its landslide mask."""
        analysed = strip.stored != NODATA
        landslide = analysed & (strip.stored >= self._lowest)
        self.known += int(np.count_nonzero(analysed))
        self._keep(self._landslides.feed(landslide, strip.stored, analysed, strip.spread))
        self._inventory.add_analysed(self._analysed.feed(analysed).geometry)
        return landslide

    def close(self) -> None:
        """No strip follows."""
        self._keep(self._landslides.close())
        self._write()
        self._inventory.add_analysed(self._analysed.close().geometry)

    def _keep(self, found: Finished) -> None:
        """Opening the inventory for every strip would take longer than writing to it."""
        self._found.append(found)
        self._vertices += int(shapely.get_num_coordinates(found.geometry).sum())
        if self._vertices > VERTICES_IN_MEMORY:
            self._write()

    def _write(self) -> None:
        if self._found:
            found = joined(self._found)
            self._inventory.add(found.geometry, self._columns(found.measures))
        self._found, self._vertices = [], 0

    def _columns(self, measures: NDArray[np.void]) -> dict[str, NDArray[Any]]:
        pixels = measures["pixels"]
        columns = {
            "pixels": pixels,
            "prob_mean": measures["total"] / pixels / STEPS,
            "prob_median": measures["median"] / STEPS,
            "prob_p90": measures["p90"] / STEPS,
            "prob_max": measures["peak"] / STEPS,
            "high_share": measures["high"] / pixels,
            "cut": measures["cut"],
        }
        if self._with_spread:
            columns["prob_spread"] = measures["spread"] / pixels * SPREAD_STEP
        return columns
