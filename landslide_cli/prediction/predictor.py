"""Windows to probabilities, batch by batch, for a plan and any engine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from landslide_cli.engine import Engine
from landslide_cli.mosaic.blend import Prediction
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.prefetch import ahead
from landslide_cli.prediction.tiles import Seen, read_tiles
from landslide_cli.tiling.bands import Band
from landslide_cli.typing import OnProgress, Pixels

# Batches that are read, and answered, before they are needed.
READ_AHEAD, ANSWERED_AHEAD = 2, 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Tiles in the order of the grid and the pixels that the network must see for them.

    Attributes:
        tiles: What is known of each before the network is asked; without an image where it isn't asked.
        pixels: Raw pixels of the tiles that it is asked about, always filled up to the engine's batch size, since
            kernels may round otherwise for other sizes; None where there are none.
    """

    tiles: list[Seen]
    pixels: Pixels | None

    @property
    def asked(self) -> int:
        """Tiles that the network is asked about."""
        return sum(seen.image is not None for seen in self.tiles)


@dataclass(slots=True)
class Predictor:
    """Reads the windows of a plan and asks the engine about them, each in a thread of its own.

    Attributes:
        band: The rows of windows to predict; all by default.
        on_progress: Called after each tile with the scene's pixels done and in all.
        asked: Windows that the network was asked about so far, without those of other bands above the seam; those
            without a valid pixel cost nothing.
    """

    plan: Plan
    engine: Engine
    on_progress: OnProgress | None = None
    band: Band | None = None
    asked: int = 0

    def __iter__(self) -> Generator[Prediction]:
        """Each tile of the band in its order, as `landslide_cli.mosaic.blend.blend` takes them.

        Close it before the scene.
        """
        plan, first = self.plan, self.band.first if self.band else 0
        seen, total = plan.rows.seen * plan.cols.seen, plan.scene.height * plan.scene.width
        done = plan.grid.rows.start(first) * plan.cols.seen
        with closing(ahead(self._answered(), ANSWERED_AHEAD)) as answered:
            for batch, probabilities in answered:
                answers = iter(probabilities)
                for one in batch.tiles:
                    if one.tile.row >= first:
                        self.asked += one.image is not None
                        done += one.tile.pixels
                    yield Prediction(one.tile, None if one.image is None else next(answers), one.valid)
                    if self.on_progress:
                        self.on_progress(done * total // seen, total)

    def _answered(self) -> Iterator[tuple[Batch, Any]]:
        nothing = np.zeros((0, 0, 0), dtype=np.float32)
        with closing(ahead(read_batches(self.plan, self.engine, self.band), READ_AHEAD)) as batches:
            for batch in batches:
                pixels = batch.pixels
                yield batch, nothing if pixels is None else self.engine.on_device(pixels, self.plan.value_range)


def read_batches(plan: Plan, engine: Engine, band: Band | None = None) -> Iterator[Batch]:
    """Read the tiles of a plan, or of one band of it, so many windows with valid pixels at a time as the engine takes.

    They come in their order.
    """
    size, bands = engine.batch_size, len(plan.scene.bands)

    def empty() -> Pixels:
        return engine.empty((size, bands, plan.size, plan.size), plan.scene.dtype)

    tiles: list[Seen] = []
    pixels, filled = empty(), 0
    with closing(read_tiles(plan, band.windows, top=band.top) if band else read_tiles(plan)) as seen:
        for one in seen:
            if one.image is None:
                tiles.append(one)
            else:
                pixels[filled] = one.image
                tiles.append(replace(one, image=pixels[filled]))
                filled += 1
            if filled in (0, size):
                yield Batch(tiles, pixels if filled else None)
                tiles = []
                if filled:
                    pixels, filled = empty(), 0
    if tiles:
        pixels[filled:] = pixels[filled - 1]
        yield Batch(tiles, pixels)
