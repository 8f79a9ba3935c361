"""Everything decided about one scene's run before its first window is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Interleaving

from landslide_cli.area import Area, read_area
from landslide_cli.errors import SceneError
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic import DEFAULT_BOUNDARY, Boundary
from landslide_cli.scene import Scene
from landslide_cli.shaping import Shaping
from landslide_cli.terrain import CACHE_BYTES, Terrain
from landslide_cli.tiling import Axis, Grid, fitting_size

SIZE = 512
# For decoded blocks and the rows that are being blended. More, and wide scenes of large windows would take gigabytes.
ROOM_BYTES = 640 << 20
# Pixels whose sides differ by more on the ground (degrees far from the equator) are made square.
SQUEEZED = 1.25


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        scene: The open scene.
        card: The model's card.
        grid: Windows and blend weights.
        size: Side of a window in pixels that the network sees.
        area: What to analyse; None for all of it.
        value_range: Raw values that map to the model's range.
        working_m: Metres per pixel that the network sees; None without a CRS.
        threshold: Probability from which a pixel counts as landslide.
        shaping: What is done to the polygons.
        connectivity: 4 or 8.
        boundary: Outlines of pixels, or smooth ones.
        tta: Views of each window: ``none`` for one, ``flips`` for four, ``d4`` for eight.
        terrain: Elevation model to measure the polygons by; None for none.
    """

    scene: Scene
    card: ModelCard
    grid: Grid
    size: int
    area: Area | None
    value_range: tuple[float, float]
    working_m: float | None
    threshold: float
    shaping: Shaping
    connectivity: int
    boundary: Boundary = DEFAULT_BOUNDARY
    tta: str = "none"
    terrain: Terrain | None = None

    @property
    def fill(self) -> NDArray[np.generic]:
        """What the network sees at invalid pixels: each band's mean, the most neutral value it knows."""
        low, high = self.value_range
        fill = low + np.asarray(self.card.mean) * (high - low)
        return (fill if self.scene.dtype.kind == "f" else fill.round()).astype(self.scene.dtype)

    @property
    def resampled(self) -> bool:
        """Whether the network sees other pixels than the scene's."""
        return (self.grid.rows.size, self.grid.cols.size) != (self.size, self.size)

    @property
    def blended_bytes(self) -> int:
        """What the rows take that windows are added up in."""
        return self.scene.width * self.grid.rows.size * (4 * (2 if self.tta != "none" else 1) + 1)

    @property
    def cache_bytes(self) -> int:
        """Block cache that decodes each block of the scene once, whatever the number of windows in a row.

        A row of windows and the blocks that it cuts at both ends, and a row of blocks of two rasters
        written. Where there is no room for that, a window takes the place of the row: blocks that two rows of windows
        share are decoded for each. GDAL's own default, a share of the machine's memory, would grow with the scene.
        """
        scene = self.scene
        block_rows, block_cols = scene.src.block_shapes[0]
        rows = self.grid.rows.size + 2 * min(block_rows, scene.height)
        # A block of interleaved pixels is decoded, and kept, with all of its bands.
        bands = scene.src.count if scene.src.interleaving == Interleaving.pixel else len(scene.bands)
        column = rows * bands * scene.dtype.itemsize
        written = scene.width * 2 * SIZE
        read = scene.width * column
        if read + written + self.blended_bytes > ROOM_BYTES:
            read = min(scene.width, self.grid.cols.size + 2 * block_cols) * column
        return max(16 << 20, read + written) + (CACHE_BYTES if self.terrain else 0)


def read_scene_area(
    scene: Scene, *, aoi: str | Path | None, bbox: tuple[float, float, float, float] | None
) -> Area | None:
    """The part of a scene that is to be analysed; see `landslide_cli.area.read_area`."""
    return read_area(
        aoi=aoi, bbox=bbox, transform=scene.transform, crs=scene.crs, height=scene.height, width=scene.width
    )


def make_plan(
    scene: Scene,
    card: ModelCard,
    *,
    threshold: float | None = None,
    shaping: Shaping = Shaping(),
    connectivity: int = 4,
    boundary: Boundary = DEFAULT_BOUNDARY,
    overlap: int = 128,
    scale: tuple[float, float] | None = None,
    resolution_m: float | None = None,
    area: Area | None = None,
    tta: str | None = None,
    terrain: Terrain | None = None,
    largest: int = SIZE,
) -> Plan:
    """Decide windows, stretch and working resolution; see `landslide_cli.detect` for the arguments.

    ``largest`` is the side that windows have where the scene isn't smaller, in pixels that the network sees.

    Raises:
        SceneError: a stretch can't be measured, or a resolution can't be met.
    """
    if scale is not None:
        value_range = scale
    elif scene.dtype == np.uint8:
        value_range = card.value_range
    else:
        value_range = scene.stretch()
    grid, size, working_m = plan_grid(scene, card, overlap=overlap, resolution_m=resolution_m, largest=largest)
    return Plan(
        scene=scene,
        card=card,
        grid=grid,
        size=size,
        area=area,
        value_range=value_range,
        working_m=working_m,
        threshold=card.threshold if threshold is None else threshold,
        shaping=shaping,
        connectivity=connectivity,
        boundary=boundary,
        tta=tta or card.tta,
        terrain=terrain,
    )


def plan_grid(
    scene: Scene, card: ModelCard, *, overlap: int, resolution_m: float | None, largest: int = SIZE
) -> tuple[Grid, int, float | None]:
    """Lay the grid so that each window shows the network a resolution it was trained for.

    A scene outside the trained range isn't warped: its windows are cut larger or smaller, and the engine
    resamples them to square ones and their probabilities back. So every output keeps the scene's own grid.

    Returns:
        ``(grid, size, working_m)``: the side of a window that the network sees, 512 unless the scene is smaller, and
        metres per pixel there, None if unknown.

    Raises:
        SceneError: ``resolution_m`` is given and the scene has no CRS to relate it to.
    """
    ground, native_m = scene.ground, scene.resolution_m
    if ground is None or native_m is None:
        if resolution_m is not None:
            raise SceneError(
                f"{scene.name} has no CRS, so --resolution {resolution_m:g} can't be met; assign a CRS first"
            )
        return *_lay(scene, (1.0, 1.0), overlap, largest), None
    low, high = card.resolution_m
    target_m = resolution_m or min(max(native_m, low), high)
    if resolution_m is None and target_m == native_m and max(ground) <= SQUEEZED * min(ground):
        return *_lay(scene, (1.0, 1.0), overlap, largest), native_m
    down, across = (target_m / metres for metres in ground)
    return *_lay(scene, (down, across), overlap, largest), target_m


def _lay(scene: Scene, factors: tuple[float, float], overlap: int, largest: int) -> tuple[Grid, int]:
    """A grid whose windows hold ``factors`` (down, across) pixels of the scene for each that the network sees."""
    down, across = factors
    size = fitting_size(scene.height / down, scene.width / across, largest)
    return Grid(_scaled(scene.height, size, down, overlap), _scaled(scene.width, size, across, overlap)), size


def _scaled(length: int, size: int, factor: float, overlap: int) -> Axis:
    window = max(2, round(size * factor))
    return Axis(length, window, min(window // 2, round(overlap * factor)))
