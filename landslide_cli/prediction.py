"""Windows to probabilities, batch by batch, for a plan and any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landslide_cli.engine import Engine
from landslide_cli.plan import Plan
from landslide_cli.tiling import Tile

OnProgress = Callable[[int, int], None]
Pixels = NDArray[np.generic]
Bools = NDArray[np.bool_]
Prediction = tuple[Tile, NDArray[np.float32] | None, Bools]


@dataclass(slots=True)
class Predictor:
    """Reads the windows of a plan and asks the engine about them.

    Attributes:
        on_progress: Called after each tile with the scene's pixels done and in all.
        asked: Windows that the network was asked about so far; those without a valid pixel cost nothing.
    """

    plan: Plan
    engine: Engine
    on_progress: OnProgress | None = None
    asked: int = 0
    _waiting: list[tuple[Tile, Bools | None]] = field(default_factory=list)
    _batch: list[Pixels] = field(default_factory=list)
    _done: int = 0

    def __iter__(self) -> Iterator[Prediction]:
        """Each tile of the grid in its order, as `landslide_cli.mosaic.blend` takes them."""
        for tile in self.plan.grid.tiles():
            image, analysed = read_tile(self.plan, tile)
            self._waiting.append((tile, analysed))
            if image is not None:
                self._batch.append(image)
            if len(self._batch) == self.engine.batch_size or not self._batch:
                yield from self._flush()
        yield from self._flush()

    def _flush(self) -> Iterator[Prediction]:
        probabilities = iter(self._ask())
        for tile, analysed in self._waiting:
            if analysed is None:
                yield tile, None, np.zeros((int(tile.inside.height), int(tile.inside.width)), dtype=bool)
            else:
                yield tile, next(probabilities), analysed
            self._done += tile.pixels
            if self.on_progress:
                self.on_progress(self._done, self.plan.scene.height * self.plan.scene.width)
        self._waiting.clear()
        self._batch.clear()

    def _ask(self) -> Sequence[NDArray[np.float32]]:
        """One call, always of the full batch size: kernels may round otherwise for other sizes."""
        if not self._batch:
            return []
        self.asked += len(self._batch)
        missing = self.engine.batch_size - len(self._batch)
        pixels = np.stack([*self._batch, *[self._batch[-1]] * missing])
        return list(self.engine(pixels)[: len(self._batch)])


def read_tile(plan: Plan, tile: Tile) -> tuple[Pixels, Bools] | tuple[None, None]:
    """Read what the network needs to see for a tile.

    Returns:
        ``(image, analysed)``: raw pixels of the tile's window, and True where a pixel of
        ``tile.inside`` counts; both None where none does.
    """
    wanted = plan.area.mask(tile.inside) if plan.area else None
    if wanted is not None and not wanted.any():
        return None, None
    image, valid = plan.scene.read_mirrored(tile.rows, tile.cols, plan.fill)
    analysed = valid[: int(tile.inside.height), : int(tile.inside.width)]
    if wanted is not None:
        analysed = analysed & wanted
    return (image, analysed) if analysed.any() else (None, None)
