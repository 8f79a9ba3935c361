"""Windows to probabilities, batch by batch, for a plan and any engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslide_cli.ahead import ahead
from landslide_cli.engine import Engine
from landslide_cli.engine.choice import open_engine
from landslide_cli.engine.kept import OpenEngine
from landslide_cli.engine.tta import VIEWS
from landslide_cli.plan import Plan
from landslide_cli.tiling import Tile

OnProgress = Callable[[int, int], None]
Pixels = NDArray[np.generic]
Bools = NDArray[np.bool_]
Prediction = tuple[Tile, NDArray[np.float32] | None, Bools]

# Batches that are read, and answered, before they are needed.
READ_AHEAD, ANSWERED_AHEAD = 2, 1


def open_planned_engine(
    plan: Plan,
    weights: Path,
    *,
    engine: str,
    device: str,
    precision: str,
    batch_size: int | None,
    windows: int | None = None,
    opener: OpenEngine = open_engine,
) -> Engine:
    """Load a plan's model into an engine for its windows; see `landslide_cli.engine.choice.open_engine`.

    Args:
        plan: What will be predicted.
        weights: Weights of its card.
        engine: As for `landslide_cli.detect`, and so are all that follow.
        device: Where the network runs.
        precision: Type that its convolutions run in.
        batch_size: Windows in each call.
        windows: Windows that will be asked about; all of the plan, each view counted, by default.
        opener: What loads the model.
    """
    return opener(
        weights, plan.card, engine=engine, device=device, precision=precision, value_range=plan.value_range,
        size=plan.size, batch_size=batch_size, windows=windows or len(plan.grid) * len(VIEWS.get(plan.tta, (None,))),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """Tiles in the order of the grid and the pixels that the network must see for them.

    Attributes:
        tiles: Each tile, and True where a pixel of ``tile.inside`` counts; None where none does.
        pixels: Raw pixels of the tiles that count, always filled up to the engine's batch size, since kernels may
            round otherwise for other sizes; None where no tile counts.
    """

    tiles: list[tuple[Tile, Bools | None]]
    pixels: Pixels | None

    @property
    def asked(self) -> int:
        """Tiles that the network is asked about."""
        return sum(analysed is not None for _, analysed in self.tiles)


@dataclass(slots=True)
class Predictor:
    """Reads the windows of a plan and asks the engine about them, each in a thread of its own.

    Attributes:
        on_progress: Called after each tile with the scene's pixels done and in all.
        asked: Windows that the network was asked about so far; those without a valid pixel cost nothing.
    """

    plan: Plan
    engine: Engine
    on_progress: OnProgress | None = None
    asked: int = 0

    def __iter__(self) -> Generator[Prediction]:
        """Each tile of the grid in its order, as `landslide_cli.mosaic.blend` takes them; close it before the scene."""
        done, total = 0, self.plan.scene.height * self.plan.scene.width
        with closing(ahead(self._answered(), ANSWERED_AHEAD)) as answered:
            for batch, probabilities in answered:
                self.asked += batch.asked
                answers = iter(probabilities)
                for tile, analysed in batch.tiles:
                    if analysed is None:
                        yield tile, None, np.zeros((int(tile.inside.height), int(tile.inside.width)), dtype=bool)
                    else:
                        yield tile, next(answers), analysed
                    done += tile.pixels
                    if self.on_progress:
                        self.on_progress(done, total)

    def _answered(self) -> Iterator[tuple[Batch, NDArray[np.float32]]]:
        nothing = np.zeros((0, 0, 0), dtype=np.float32)
        with closing(ahead(read_batches(self.plan, self.engine.batch_size), READ_AHEAD)) as batches:
            for batch in batches:
                yield batch, nothing if batch.pixels is None else self.engine(batch.pixels)


def read_batches(plan: Plan, size: int) -> Iterator[Batch]:
    """Read a plan's tiles in their order, ``size`` windows with valid pixels at a time."""
    tiles: list[tuple[Tile, Bools | None]] = []
    images: list[Pixels] = []
    for tile in plan.grid.tiles():
        image, analysed = read_tile(plan, tile)
        tiles.append((tile, analysed))
        if image is not None:
            images.append(image)
        if len(images) == size or not images:
            yield _batch(tiles, images, size)
            tiles, images = [], []
    if tiles:
        yield _batch(tiles, images, size)


def _batch(tiles: list[tuple[Tile, Bools | None]], images: list[Pixels], size: int) -> Batch:
    missing = size - len(images)
    return Batch(tiles, np.stack([*images, *[images[-1]] * missing]) if images else None)


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
