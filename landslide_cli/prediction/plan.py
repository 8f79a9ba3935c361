"""Everything decided about one scene's run before its first window is predicted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from rasterio.enums import Interleaving

from landslide_cli.errors import CoarseWarning, SceneError
from landslide_cli.model.card import ModelCard
from landslide_cli.scene.area import Area
from landslide_cli.scene.scene import Scene
from landslide_cli.tiling.bands import ROWS, Band, Rows, default_band, shared_band
from landslide_cli.tiling.grid import DEFAULT_OVERLAP, Grid
from landslide_cli.tiling.resampling import Scaling, rows_at_once
from landslide_cli.typing import Pixels

SIZE = 512
# Pixels whose sides differ by more on the ground (degrees far from the equator) are made square.
SQUEEZED = 1.25
# Pixels that the network may see of a scene, and memory that rows of it may take, beside what libraries need.
MOST_PIXELS, MOST_BYTES = 10**12, 5 << 28
# Times the largest pixels of training from which a warning is due, and a refusal.
COARSE, HOPELESS = 2.0, 10.0


@dataclass(frozen=True)
class Plan:
    """The decisions about one scene's prediction.

    Attributes:
        scene: The open scene.
        card: The model's card.
        rows: Down the scene: its pixels, and those that the network sees.
        cols: The same across it.
        grid: Windows and blend weights, in pixels that the network sees.
        area: What to analyse; None for all of it.
        value_range: Raw values that map to the model's range.
        working_m: Metres per pixel that the network sees; None without a CRS.
        tta: Views of each window: ``none`` for one, ``flips`` for four, ``d4`` for eight.
        band: Rows of windows that are kept, or sent to a worker, together.
    """

    scene: Scene
    card: ModelCard
    rows: Scaling
    cols: Scaling
    grid: Grid
    area: Area | None
    value_range: tuple[float, float]
    working_m: float | None
    tta: str = "none"
    band: int = ROWS

    @property
    def fill(self) -> Pixels:
        """Each band's mean, shape ``(bands,)``: the most neutral value the network knows, seen at invalid pixels."""
        low, high = self.value_range
        fill = low + np.asarray(self.card.mean) * (high - low)
        return (fill if self.scene.dtype.kind == "f" else fill.round()).astype(self.scene.dtype)

    def rows_of_windows(self, rows: Rows) -> Band:
        """Some rows of windows, from the first to one past the last, as a band."""
        return Band(self.grid.rows, self.rows, *rows)

    def shared(self, workers: int) -> Plan:
        """The same in bands of which so many workers, who have nothing else to do, get equally many."""
        return replace(self, band=shared_band(self.grid.rows.count, self.band, workers))

    @property
    def size(self) -> int:
        """Side of a window in pixels that the network sees."""
        return self.grid.rows.size

    def scene_px(self, seen: int) -> tuple[int, int]:
        """Rows and columns of the scene that ``seen`` pixels of the network take."""
        return round(seen * self.rows.factor), round(seen * self.cols.factor)

    @property
    def resampled(self) -> bool:
        """Whether the network sees other pixels than the scene's."""
        return not (self.rows.same and self.cols.same)

    @property
    def blended_bytes(self) -> int:
        """Bytes of the rows that windows are added up in."""
        return 4 * self.size * self.grid.cols.length * (2 if self.tta != "none" else 1)

    @property
    def read_bytes(self) -> int:
        """Bytes of the rows that windows are cut from, and of which pixels in them are valid."""
        return self.size * self.grid.cols.length * (len(self.scene.bands) * self.scene.dtype.itemsize + 1)

    @property
    def cache_bytes(self) -> int:
        """Block cache in which each block of the scene is decoded once: rows of them, and of those of two rasters.

        Two rows of each, or the next one would drive out blocks of the one that is still needed. GDAL's own default, a
        share of the machine's memory, would grow with the scene.
        """
        scene = self.scene
        # A block of interleaved pixels is decoded, and kept, with all of its bands.
        bands = (
            scene.src.count
            if scene.src.interleaving == Interleaving.pixel
            else len(scene.bands) + len(scene.data.alphas)
        )
        height, width = scene.src.block_shapes[0]
        across = -(-scene.width // width) * width
        rows = max(min(2 * height, scene.height), rows_at_once(self.rows, self.cols))
        read, written = across * rows * bands * scene.dtype.itemsize, 2 * 2 * across * SIZE
        return max(16 << 20, read + written)


def make_plan(
    scene: Scene,
    card: ModelCard,
    *,
    overlap: int = DEFAULT_OVERLAP,
    scale: tuple[float, float] | None = None,
    resolution_m: float | None = None,
    area: Area | None = None,
    tta: str | None = None,
    largest: int = SIZE,
) -> Plan:
    """Decide windows, stretch and working resolution.

    Args:
        scene: The open scene.
        card: The model's card.
        overlap: Pixels that neighbouring windows share.
        scale: Raw values that map to the model's range; measured by default, except for uint8.
        resolution_m: Metres per pixel that the network sees; the scene's by default, within the trained range.
        area: What to analyse; everything by default.
        tta: Views of each window; the card's by default.
        largest: Side that windows have where the scene isn't smaller, in pixels that the network sees.

    Raises:
        SceneError: a stretch can't be measured, or a resolution can't be met.
    """
    if scale is not None:
        value_range = scale
    elif scene.dtype == np.uint8:
        value_range = card.value_range
    else:
        value_range = scene.stretch()
    if resolution_m is None:
        _tell_too_coarse(scene, card)
    rows, cols, working_m = plan_scale(scene, card, resolution_m=resolution_m)
    _refuse_endless(scene, rows, cols, working_m)
    grid = Grid.fitting(rows.seen, cols.seen, largest, overlap)
    plan = Plan(
        scene=scene,
        card=card,
        rows=rows,
        cols=cols,
        grid=grid,
        area=area,
        value_range=value_range,
        working_m=working_m,
        tta=tta or card.tta,
        band=default_band(grid.cols.count),
    )
    _refuse_huge(plan)
    return plan


def _tell_too_coarse(scene: Scene, card: ModelCard) -> None:
    """Warn of pixels that show less than the network was trained to see, and refuse those that show nothing of it.

    Raises:
        SceneError: they are more than ten times as large as the largest it was trained for.
    """
    native_m, most_m = scene.resolution_m, card.resolution_m[1]
    if native_m is None or native_m <= COARSE * most_m:
        return
    told = (
        f"{scene.name} has pixels of {native_m:.3g} m, but {card.model_id} was trained for {card.resolution_m[0]:g} to "
        f"{most_m:g} m"
    )
    if native_m > HOPELESS * most_m:
        raise SceneError(
            f"{told}: no landslide that it knows can be seen; give a finer scene (--resolution {native_m:.3g} tries "
            "nonetheless)"
        )
    warnings.warn(f"{told}: expect small landslides to be missed and others to be wrong", CoarseWarning, stacklevel=3)


def _refuse_endless(scene: Scene, rows: Scaling, cols: Scaling, working_m: float | None) -> None:
    """Refuse what would take years.

    Raises:
        SceneError: there are so many pixels.
    """
    if rows.seen * cols.seen > MOST_PIXELS:
        raise _too_many(scene, rows, cols, working_m)


def _refuse_huge(plan: Plan) -> None:
    """Refuse rows, or blocks of the file, that take more memory than a run may need.

    Raises:
        SceneError: they would.
    """
    needed, scene = plan.cache_bytes + plan.read_bytes + plan.blended_bytes, plan.scene
    if needed <= MOST_BYTES:
        return
    if plan.resampled:
        raise _too_many(scene, plan.rows, plan.cols, plan.working_m)
    down, across = scene.src.block_shapes[0]
    raise SceneError(
        f"{scene.name}: rows of {scene.width} pixels in blocks of {across} x {down} need {needed / 1e9:.1f} GB of "
        "memory, more than is taken; cut the scene (gdalwarp -te), or rewrite it (gdal_translate -co TILED=YES)"
    )


def _too_many(scene: Scene, rows: Scaling, cols: Scaling, working_m: float | None) -> SceneError:
    at = f" at {working_m:.3g} m" if working_m else ""
    return SceneError(
        f"{scene.name}: the network would see {cols.seen:.3g} x {rows.seen:.3g} pixels{at}, more than can be done; "
        "give a coarser --resolution, or cut the scene (gdalwarp -te)"
    )


def plan_scale(scene: Scene, card: ModelCard, *, resolution_m: float | None) -> tuple[Scaling, Scaling, float | None]:
    """Choose what the network sees of a scene: a resolution that it was trained for, or ``resolution_m``.

    Outputs keep the scene's own grid.

    Returns:
        ``(rows, cols, working_m)``: down and across the scene, and metres per pixel that the network sees, None if
        unknown.

    Raises:
        SceneError: ``resolution_m`` is given and the scene has no CRS to relate it to.
    """
    pixel_m, native_m = scene.ground.pixel_m, scene.resolution_m
    if pixel_m is None or native_m is None:
        if resolution_m is not None:
            raise SceneError(
                f"{scene.name} has no CRS, so --resolution {resolution_m:g} can't be met; assign a CRS first"
            )
        return *_scaled(scene, (1.0, 1.0)), None
    low, high = card.resolution_m
    target_m = resolution_m or min(max(native_m, low), high)
    if resolution_m is None and target_m == native_m and max(pixel_m) <= SQUEEZED * min(pixel_m):
        return *_scaled(scene, (1.0, 1.0)), native_m
    down, across = (target_m / metres for metres in pixel_m)
    return *_scaled(scene, (down, across)), target_m


def _scaled(scene: Scene, factors: tuple[float, float]) -> tuple[Scaling, Scaling]:
    """``factors`` (down, across) pixels of the scene for each that the network sees."""
    # What no window would show needn't be resampled for.
    if all(abs(SIZE * factor - SIZE) <= 0.5 for factor in factors):
        factors = (1.0, 1.0)
    # What is too many is refused by its number, which has to be one.
    rows, cols = (
        max(1, round(min(n / factor, MOST_PIXELS + 1.0)))
        for n, factor in zip((scene.height, scene.width), factors, strict=True)
    )
    return Scaling(scene.height, rows), Scaling(scene.width, cols)
