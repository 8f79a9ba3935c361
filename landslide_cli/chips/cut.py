"""Chips out of a scene and its landslide polygons, each with its place on the map."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rasterio.windows import Window

from landslide_cli.chips.blocks import Blocks
from landslide_cli.chips.decode import RGB
from landslide_cli.chips.labels import Labels
from landslide_cli.chips.writer import ChipWriter, Place
from landslide_cli.errors import OutputError, TrainingDataError
from landslide_cli.files import staged
from landslide_cli.scene.scene import Scene, open_scene, warn_of_undeclared_nodata
from landslide_cli.scene.view import View

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cut:
    """Numbers of chips: with landslide, without, and windows left out for lack of valid pixels."""

    with_landslide: int
    without: int
    invalid: int


@dataclass(frozen=True, slots=True)
class Cutting:
    """Where chips are cut, and how many."""

    size: int = 256
    """Side of a chip in pixels; smaller where the scene is."""
    stride: int | None = None
    """Pixels from one window to the next; ``size`` by default."""
    at: Literal["grid", "labels"] = "grid"
    """``grid`` keeps the windows of the grid that hold landslide, ``labels`` cuts around each polygon."""
    background: float = 0.25
    """Part of all chips that hold no landslide, drawn at random from the grid."""
    block: int = 4
    """Side of a block, in chips."""
    seed: int = 0
    """Another one draws other windows without landslide."""

    @property
    def step(self) -> int:
        """Pixels from one window to the next."""
        return self.stride or self.size

    def with_background(self, chips: int) -> int:
        """Chips in all, of which so many hold landslide."""
        return chips + round(chips * self.background / (1 - self.background))


def cut_chips(
    scene: str | Path,
    labels: Path,
    out: Path,
    *,
    layer: str | None = None,
    view: View = View(),
    cutting: Cutting = Cutting(),
    on_progress: Callable[[int, int], None] | None = None,
) -> Cut:
    """Cut georeferenced chips into the new folder ``out``: ``image/``, ``mask/`` and ``groups.csv``.

    Only windows are read. A window with an invalid pixel is left out. Chips of one block of the scene form
    a group; chips of different groups share no pixel.

    Args:
        scene: The scene.
        labels: Polygons of all landslides in it, in any CRS.
        out: Folder to make.
        layer: Layer of the labels.
        view: Bands to use, and raw values that become 0 and 255; without them 8-bit stays, and others are stretched as
            `detect` does.
        cutting: Where chips are cut, and how many.
        on_progress: Called with chips done and in all.

    Raises:
        SceneError: the scene can't be used.
        TrainingDataError: the labels can't be used, or no chip with landslide is left.
        OutputError: ``out`` exists.
    """
    if out.exists():
        raise OutputError(f"{out} exists; chips go into a new folder: name another one or remove it")
    if not out.absolute().parent.is_dir():
        raise OutputError(f"{out}: the folder {out.absolute().parent} does not exist; make it first")
    with open_scene(scene, wanted=RGB, bands=view.bands, nodata=view.nodata) as opened, staged(out) as place:
        warn_of_undeclared_nodata(opened)
        polygons = Labels.read(labels, opened, layer)
        blocks = Blocks(opened.height, opened.width, cutting.size, max(1, cutting.block) * cutting.size)
        writer = ChipWriter(opened, polygons, place, _scale_of(opened, view.scale))
        grid = list(_grid(blocks, cutting.step))
        at_labels = cutting.at == "labels"
        touched = [spot for spot in grid if polygons.touch(spot.window)]
        wanted = _around_labels(blocks, polygons, cutting.step) if at_labels else touched
        total = cutting.with_background(len(wanted))
        for number, spot in enumerate(wanted, start=1):
            writer.write(spot, landslide=True)
            _tell(on_progress, number, total)
        found = writer.written
        if not found:
            raise TrainingDataError(
                f"no window of {opened.name} with landslide is free of invalid pixels; try a smaller --size"
            )
        empty = [spot for spot in grid if not polygons.touch(spot.window)]
        for number in np.random.default_rng(cutting.seed).permutation(len(empty)):
            if writer.written == cutting.with_background(found):
                break
            writer.write(empty[number], landslide=False)
            _tell(on_progress, min(len(wanted) + writer.written - found, total), total)
        writer.close()
    return Cut(found, writer.written - found, writer.invalid)


def _tell(on_progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if on_progress:
        on_progress(done, total)


def _grid(blocks: Blocks, stride: int) -> Iterator[Place]:
    for name, block in blocks:
        for window in blocks.grid(block, stride):
            yield Place(window, name)


def _around_labels(blocks: Blocks, labels: Labels, stride: int) -> list[Place]:
    """One window centred on each polygon; as many as it takes for polygons larger than a chip."""
    places: dict[tuple[float, ...], Place] = {}
    for row, col, height, width in labels.centres():
        for name, block in blocks:
            for down in _centres(row, height, blocks.chip, stride):
                for across in _centres(col, width, blocks.chip, stride):
                    if _holds(block, down, across):
                        window = blocks.centred(block, down, across)
                        if labels.touch(window):
                            places[window.row_off, window.col_off] = Place(window, name)
    return [places[key] for key in sorted(places)]


def _centres(centre: float, length: float, size: int, stride: int) -> list[float]:
    count = 1 if length <= size else 1 + int(np.ceil((length - size) / stride))
    return [centre + (number - (count - 1) / 2) * stride for number in range(count)]


def _holds(block: Window, row: float, col: float) -> bool:
    return 0 <= row - block.row_off < block.height and 0 <= col - block.col_off < block.width


def _scale_of(scene: Scene, scale: tuple[float, float] | None) -> tuple[float, float] | None:
    if scale is not None or scene.dtype == np.uint8:
        return scale
    measured = scene.stretch()
    logger.info("%s is stretched from %g to %g (--scale)", scene.name, *measured)
    return measured
