"""Strips of a mosaic to polygons, and on to the inventory."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.encoding import NODATA, SPREAD_STEP, STEPS, stored_threshold
from landslide_cli.mosaic.regridding import Regridded
from landslide_cli.polygons import Finished, StreamingPolygonizer, joined
from landslide_cli.polygons.histograms import Histograms
from landslide_cli.typing import Bools

VERTICES_IN_MEMORY = 30_000
HIGH = 0.9
# Part of a landslide that must have been seen before, for anything to be said of it then.
SEEN = 0.5


def landslide_polygonizer(width: int, measurer: Measurer, histograms: Histograms | None = None) -> StreamingPolygonizer:
    """Make the polygonizer of a landslide mask, by the rules of the measurer.

    Args:
        width: Columns of the mask.
        measurer: Drops small landslides exactly; those far too small are dropped before anything is made of them.
        histograms: Counts the stored values of each landslide, if that is wanted.
    """
    rules = measurer.rules
    return StreamingPolygonizer(
        width, connectivity=rules.connectivity, min_pixels=rules.sieve_px(measurer.ground.pixel_m),
        histograms=histograms, level=rules.outline_level,
    )  # fmt: skip


class Collector:
    """Turns the strips of a mosaic into polygons, of landslides and of what was analysed, and passes them on.

    Args:
        inventory: Where they go.
        width: Columns of the mosaic.
        before: The probability before, on the same grid, where it is known; its rows are taken with each strip.

    Attributes:
        inventory: As given.
        analysed_px: Pixels analysed so far.
    """

    def __init__(self, inventory: InventoryWriter, width: int, before: Regridded | None = None) -> None:
        self.inventory = inventory
        self._before = before
        self.analysed_px = 0
        self._lowest = inventory.measurer.rules.lowest_stored
        self._landslides = landslide_polygonizer(width, inventory.measurer, Histograms(stored_threshold(HIGH)))
        self._analysed = StreamingPolygonizer(width)
        self._found: list[Finished] = []
        self._vertices = 0

    def add(self, strip: Strip) -> Bools:
        """Add a strip; give its landslide mask, bool, shape ``(rows, width)``."""
        analysed = strip.stored != NODATA
        landslide = analysed & (strip.stored >= self._lowest)
        self.analysed_px += int(np.count_nonzero(analysed))
        earlier = self._earlier(strip)
        spread = {} if strip.spread is None else {"spread": strip.spread}
        self._keep(self._landslides.feed(landslide, strip.stored, analysed, spread | earlier))
        self._pass_on(self._analysed.feed(analysed, sums={name: earlier[name] for name in earlier if name == "seen"}))
        return landslide

    def close(self) -> None:
        """No strip follows."""
        self._keep(self._landslides.close())
        self._write()
        self._pass_on(self._analysed.close())

    def _earlier(self, strip: Strip) -> dict[str, NDArray[Any]]:
        """What is summed up of the same ground before."""
        if self._before is None:
            return {}
        stored = self._before.rows(strip.top, strip.top + len(strip.stored))
        seen = stored != NODATA
        return {"seen": seen, "old": seen & (stored >= self._lowest), "before": np.where(seen, stored, np.uint8(0))}

    def _pass_on(self, analysed: Finished) -> None:
        measures = analysed.measures
        self.inventory.add_analysed(analysed.geometry, measures["seen"] / measures["pixels"] if self._before else None)

    def _keep(self, found: Finished) -> None:
        """Opening the inventory for every strip would take longer than writing to it."""
        self._found.append(found)
        self._vertices += int(shapely.get_num_coordinates(found.geometry).sum())
        if self._vertices > VERTICES_IN_MEMORY:
            self._write()

    def _write(self) -> None:
        if self._found:
            found = joined(self._found)
            self.inventory.add(found.geometry, self._columns(found.measures))
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
        if self.inventory.spread:
            columns["prob_spread"] = measures["spread"] / pixels * SPREAD_STEP
        return columns | self._newness(measures)

    def _newness(self, measures: NDArray[np.void]) -> dict[str, NDArray[Any]]:
        """The attributes of before, NaN where too little of a landslide was seen then."""
        if self._before is None:
            return {}
        seen = np.where(measures["seen"] >= SEEN * measures["pixels"], measures["seen"], np.nan)
        share = 1 - measures["old"] / seen
        new = np.where(np.isnan(share), np.nan, share >= self.inventory.measurer.rules.new_share)
        return {"prob_before": measures["before"] / seen / STEPS, "new_share": share, "new": new}
