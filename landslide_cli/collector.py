"""Strips of a mosaic to polygons, and on to the inventory."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.inventory import InventoryWriter
from landslide_cli.mosaic import NODATA, SPREAD_STEP, STEPS, Strip, stored_threshold
from landslide_cli.plan import Plan
from landslide_cli.polygons import Finished, StreamingPolygonizer, joined

VERTICES_IN_MEMORY = 30_000


class Collector:
    """Turns the strips of a mosaic into polygons, of landslides and of what was analysed, and passes them on.

    Attributes:
        known: Pixels analysed so far.
    """

    def __init__(self, plan: Plan, inventory: InventoryWriter) -> None:
        self.known = 0
        self._inventory = inventory
        self._with_spread = plan.tta != "none"
        self._lowest = stored_threshold(plan.threshold)
        # Pixels far from the centre may be larger, so this first sieve is coarse; the true area decides later.
        sieve = 0.5 * plan.shaping.min_area_m2 / math.prod(plan.scene.ground) if plan.scene.ground else 0
        self._landslides = StreamingPolygonizer(plan.scene.width, connectivity=plan.connectivity, min_pixels=sieve)
        self._analysed = StreamingPolygonizer(plan.scene.width)
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
            measures = found.measures
            mean = measures["total"] / measures["pixels"] / STEPS
            spread = measures["spread"] / measures["pixels"] * SPREAD_STEP if self._with_spread else None
            self._inventory.add(found.geometry, mean, measures["peak"] / STEPS, measures["cut"], spread)
        self._found, self._vertices = [], 0
