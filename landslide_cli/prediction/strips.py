"""The strips of a scene from top to bottom: those that are kept of a run before, and those that are predicted now."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from landslide_cli.engine import Engine
from landslide_cli.mosaic.blend import Strip, blend
from landslide_cli.prediction.keeping import Keeper, Kept
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.predictor import Predictor
from landslide_cli.tiling.bands import Rows, cut, gaps
from landslide_cli.typing import OnProgress


@dataclass(slots=True)
class Strips:
    """Predicts a plan in this process.

    Bands that follow each other are predicted in one go, so that no window is asked about twice.

    Attributes:
        plan: What is predicted.
        engine: What predicts, in the plan's views.
        on_progress: Called after each window with the scene's pixels done and in all.
        kept: Bands that are there already, and where further ones are kept; none by default.
        asked: Windows that the network was asked about for the strips so far, in runs before as well.
    """

    plan: Plan
    engine: Engine
    on_progress: OnProgress | None = None
    kept: Kept | None = None
    asked: int = 0

    def __iter__(self) -> Generator[Strip]:
        """All strips; close it before the scene."""
        there = sorted(self.kept.bands) if self.kept else []
        runs = gaps(self.plan.grid.rows.count, there)
        for rows in sorted([*there, *runs]):
            if rows in runs:
                yield from self._predicted(rows)
            elif self.kept:
                packed = self.kept.read(rows)
                self.asked += packed.asked
                yield from packed.strips()

    def _predicted(self, rows: Rows) -> Iterator[Strip]:
        plan, band = self.plan, self.plan.rows_of_windows(rows)
        predictor = Predictor(plan, self.engine, self.on_progress, band)
        keeper = None
        if self.kept:
            bands = [plan.rows_of_windows(part) for part in cut(rows, plan.band)]
            keeper = Keeper(self.kept, bands, plan.scene.width)
        before = self.asked
        try:
            with closing(iter(predictor)) as predictions:
                shape = plan.rows, plan.cols
                for strip in blend(predictions, plan.grid, scene=shape, spread=plan.tta != "none", band=band):
                    if keeper:
                        keeper.add(strip, predictor.asked)
                    self.asked = before + predictor.asked
                    yield strip
        finally:
            if keeper:
                keeper.close()
        self.asked = before + predictor.asked
