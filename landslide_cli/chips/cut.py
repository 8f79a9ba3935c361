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
from landslide_cli.chips.decode import LANDSLIDE, NOTHING, RGB
from landslide_cli.chips.labels import Labels
from landslide_cli.chips.writer import ChipWriter, Place
from landslide_cli.errors import OutputError, TrainingDataError
from landslide_cli.files import staged
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import Scene, open_scene, warn_of_undeclared_nodata
from landslide_cli.scene.view import View

logger = logging.getLogger(__name__)

# Part of a chip without any polygon that must have been checked, so that it teaches something.
CHECKED = 0.5


@dataclass(frozen=True, slots=True)
class Cut:
    """The chips of one scene, counted."""

    with_landslide: int
    """Chips with landslide."""
    rejected: int
    """Chips without landslide that show polygons which a person rejected."""
    without: int
    """Other chips without landslide."""
    invalid: int
    """Windows left out for lack of valid pixels."""
    unknown: float
    """Part of the chips' ground of which nobody knows what it is: it is left out of the loss."""
    answers: dict[str, int]
    """Polygons of the scene by their status; empty where nobody reviewed them one by one."""

    @property
    def chips(self) -> int:
        """All chips."""
        return self.with_landslide + self.rejected + self.without


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

    Where the polygons have a ``status``, only what a person said teaches: ``landslide`` is landslide,
    ``not_landslide`` isn't, and all other ground is unknown (nodata in the masks), unless ``view.aoi`` says that it
    was checked.

    Args:
        scene: The scene.
        labels: Polygons of all landslides in it, or in the part of it that was checked, in any CRS; or an inventory
            with a ``status`` for each polygon.
        out: Folder to make.
        layer: Layer of the labels.
        view: Bands to use, and raw values that become 0 and 255; without them 8-bit stays, and others are stretched as
            `detect` does. Its area of interest is the ground that was checked.
        cutting: Where chips are cut, and how many.
        on_progress: Called with chips done and in all.

    Raises:
        SceneError: the scene can't be used.
        AreaError: the area that was checked can't be read or doesn't meet the scene.
        TrainingDataError: the labels can't be used, or no chip with landslide is left.
        OutputError: ``out`` exists.
    """
    if out.exists():
        raise OutputError(f"{out} exists; chips go into a new folder: name another one or remove it")
    if not out.absolute().parent.is_dir():
        raise OutputError(f"{out}: the folder {out.absolute().parent} does not exist; make it first")
    with open_scene(scene, wanted=RGB, bands=view.bands, nodata=view.nodata) as opened, staged(out) as place:
        warn_of_undeclared_nodata(opened)
        polygons = Labels.read(labels, opened, layer, read_area(view, opened))
        blocks = Blocks(opened.height, opened.width, cutting.size, max(1, cutting.block) * cutting.size)
        writer = ChipWriter(opened, polygons, place, _scale_of(opened, view.scale))
        grid = list(_grid(blocks, cutting.step))
        wanted = _wanted(grid, blocks, polygons, cutting, LANDSLIDE)
        rejected = _wanted(grid, blocks, polygons, cutting, NOTHING)
        total = cutting.with_background(len(wanted)) + len(rejected)
        for number, spot in enumerate(wanted, start=1):
            writer.write(spot, landslide=True)
            _tell(on_progress, number, total)
        if not writer.landslide:
            raise TrainingDataError(_without_landslide(opened, polygons))
        for number, spot in enumerate(rejected, start=len(wanted) + 1):
            writer.write(spot)
            _tell(on_progress, number, total)
        slides, hard = writer.landslide, writer.written - writer.landslide
        empty = [spot for spot in grid if not any(polygons.touch(spot.window, value) for value in (LANDSLIDE, NOTHING))]
        for number in np.random.default_rng(cutting.seed).permutation(len(empty)):
            if writer.written >= cutting.with_background(slides):
                break
            writer.write(empty[number], landslide=False, known=CHECKED)
            _tell(on_progress, min(len(rejected) + writer.written, total), total)
        writer.close()
        without, unknown = writer.written - slides - hard, writer.unknown / writer.pixels
    return Cut(slides, hard, without, writer.invalid, unknown, polygons.answers)


def _without_landslide(scene: Scene, labels: Labels) -> str:
    if labels.answers and LANDSLIDE not in labels.values:
        return (
            f"none of the polygons that meet {scene.name} has the status landslide; what is rejected teaches only "
            "beside landslides: confirm or draw some"
        )
    return (
        f"no window of {scene.name} with landslide is free of invalid pixels"
        f"{' and inside of --aoi' if labels.area else ''}; try a smaller --size"
    )


def _tell(on_progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if on_progress:
        on_progress(done, total)


def _grid(blocks: Blocks, stride: int) -> Iterator[Place]:
    for name, block in blocks:
        for window in blocks.grid(block, stride):
            yield Place(window, name)


def _wanted(grid: list[Place], blocks: Blocks, labels: Labels, cutting: Cutting, value: int) -> list[Place]:
    """Windows that show polygons of a value."""
    if cutting.at == "labels":
        return _around_labels(blocks, labels, cutting.step, value)
    return [spot for spot in grid if labels.touch(spot.window, value)]


def _around_labels(blocks: Blocks, labels: Labels, stride: int, value: int) -> list[Place]:
    """One window centred on each polygon of a value; as many as it takes for polygons larger than a chip."""
    places: dict[tuple[float, ...], Place] = {}
    for row, col, height, width in labels.centres(value):
        for name, block in blocks:
            for down in _centres(row, height, blocks.chip, stride):
                for across in _centres(col, width, blocks.chip, stride):
                    if _holds(block, down, across):
                        window = blocks.centred(block, down, across)
                        if labels.touch(window, value):
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
