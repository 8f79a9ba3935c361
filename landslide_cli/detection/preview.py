"""What a run would do with a scene, and why it might refuse, without running it."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from landslide_cli.detection.outputs import Outputs, provenance, refuse_lonely_spread
from landslide_cli.detection.run import open_collector, open_inventory
from landslide_cli.engine import Engine
from landslide_cli.engine.choice import foresee
from landslide_cli.engine.views import in_views
from landslide_cli.errors import LandslideError, LandslideWarning
from landslide_cli.inventory.dem import open_terrain
from landslide_cli.inventory.formats import fitting_crs
from landslide_cli.inventory.provenance import Job
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import DEFAULT_MODEL, find_model
from landslide_cli.mosaic.blend import blend
from landslide_cli.prediction.plan import Plan, make_plan, read_scene_area
from landslide_cli.prediction.predictor import open_planned_engine
from landslide_cli.prediction.tiles import read_tiles
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.scene import Scene, open_scene
from landslide_cli.tiling.grid import DEFAULT_OVERLAP, Grid
from landslide_cli.tiling.resampling import PIXELS_AT_ONCE, Scaling

TIMED = 3  # batches of the probe that are timed, after one that warms up
LOOKED_AT = 64  # windows that are looked into for valid pixels, in whole rows of them
ROWS_AT_LEAST = 3
RGB = ("red", "green", "blue")  # what bands are chosen by if there is no model to ask


@dataclass(slots=True)
class Preview:
    """What a run would do. Everything that couldn't be found out, because of a refusal, is None.

    Attributes:
        scene: The scene.
        refusals: Why `landslide_cli.detect` would refuse, all reasons that can be seen at once; empty if it wouldn't.
        warnings: What it would warn of.
        driver: GDAL's name of the format.
        size: Width and height in pixels.
        dtype: Number type of the bands used.
        crs: Coordinate reference system.
        resolution_m: Metres per pixel at the centre.
        bands: Name in the model and number in the file of each band used.
        unused: Numbers of the bands that are not used.
        valid_share: Part of the pixels that are valid, in small windows spread evenly over the scene.
        value_range: Raw values that map to the model's range.
        model: Model id.
        trained_m: Metres per pixel that the model was trained for.
        working_m: Metres per pixel that the network would see.
        window_px: Height and width of a window in pixels of the scene.
        windows: Windows that cover it; those without a valid pixel cost nothing.
        engine: What would run the network.
        device: Where it would run.
        precision: Type that its convolutions would run in.
        seconds: Time of the run once the network is loaded, from a probe of a few windows: reading, network, polygons.
        memory_bytes: Largest memory of the process, from the probe and the buffers of the plan.
        raster_bytes: Largest size of each probability or mask raster asked for, without compression and overviews.
    """

    scene: str
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    driver: str | None = None
    size: tuple[int, int] | None = None
    dtype: str | None = None
    crs: str | None = None
    resolution_m: float | None = None
    bands: dict[str, int] | None = None
    unused: list[int] | None = None
    valid_share: float | None = None
    value_range: tuple[float, float] | None = None
    model: str | None = None
    trained_m: tuple[float, float] | None = None
    working_m: float | None = None
    window_px: tuple[int, int] | None = None
    windows: int | None = None
    engine: str | None = None
    device: str | None = None
    precision: str | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    raster_bytes: int | None = None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Turn a refusal into a line of the preview, and go on."""
        try:
            yield
        except LandslideError as error:
            self.refusals.append(str(error))


def preview(
    scene: str | Path,
    out: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    dem: str | Path | None = None,
    min_slope: float = 0.0,
    overlap: int = DEFAULT_OVERLAP,
    batch_size: int | None = None,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    tta: str | None = None,
    bands: Sequence[int] | None = None,
    scale: tuple[float, float] | None = None,
    resolution: float | None = None,
    aoi: str | Path | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    probability: str | Path | None = None,
    mask: str | Path | None = None,
    spread: str | Path | None = None,
    stac: bool = False,
    overwrite: bool = False,
    probe: bool = True,
) -> Preview:
    """Tell what `landslide_cli.detect` would do with the same arguments; nothing is written.

    Args:
        scene: As for `detect`, and so is all that follows.
        out: Inventory that would be written; without it, whether anything could be written isn't looked at.
        model: Model.
        dem: Elevation model.
        min_slope: Smallest mean slope.
        overlap: Pixels that windows share.
        batch_size: Windows in each call of the network.
        engine: What would run the network.
        device: Where it would run.
        precision: Type that its convolutions would run in.
        tta: Views of each window.
        bands: Numbers of the bands to use.
        scale: Raw values that map to the model's range.
        resolution: Metres per pixel that the network would see.
        aoi: Vector file with the polygons to analyse.
        bbox: Left, bottom, right, top to analyse.
        probability: GeoTIFF that would be written.
        mask: GeoTIFF that would be written.
        spread: GeoTIFF that would be written.
        stac: Whether a STAC item would be written.
        overwrite: Whether outputs may exist.
        probe: Ask the network about a few windows, to tell time and memory.
    """
    found = Preview(str(scene))
    if out is not None:
        with found.noting():
            outputs = Outputs.named(out, probability=probability, mask=mask, spread=spread, stac=stac)
            outputs.refuse(scene, aoi, dem, overwrite=overwrite)
    weights, card = Path(model), None
    with found.noting():
        weights, card = find_model(model)
        found.model, found.trained_m = card.model_id, card.resolution_m
        refuse_lonely_spread(spread, tta or card.tta)
    with found.noting():
        found.engine, found.device, found.precision = foresee(
            weights, card, engine=engine, device=device, precision=precision
        )
    with ExitStack() as stack, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", LandslideWarning)
        opened = None
        with found.noting():
            opened = stack.enter_context(open_scene(scene, wanted=card.bands if card else RGB, bands=bands))
            _describe(found, opened, card)
        if opened:
            if out is not None:
                with found.noting():
                    fitting_crs(Path(out), opened.crs, {"scene": opened.name})
            area = None
            with found.noting():
                area = read_scene_area(opened, aoi=aoi, bbox=bbox)
            with found.noting():
                ground = Ground(opened.transform, opened.crs, opened.ground)
                stack.enter_context(
                    open_terrain(dem, scene=ground, size=(opened.height, opened.width), min_slope_deg=min_slope)
                )
            with found.noting():
                found.valid_share = opened.valid_share()
            if card:
                with found.noting():
                    plan = make_plan(
                        opened, card, overlap=overlap, scale=scale, resolution_m=resolution, area=area, tta=tta
                    )
                    _describe_plan(found, plan)
                    if probe and not found.refusals:
                        # For one window: what a long run takes a minute to compile would make this long, too.
                        single = open_planned_engine(
                            plan, weights, engine=engine, device=device, precision=precision, batch_size=batch_size,
                            windows=1,
                        )  # fmt: skip
                        _probe(found, plan, in_views(single, plan.tta))
        found.warnings = [str(one.message) for one in heard if issubclass(one.category, LandslideWarning)]
    return found


def _describe(found: Preview, scene: Scene, card: ModelCard | None) -> None:
    found.driver = scene.src.driver
    found.size = scene.width, scene.height
    found.dtype = str(scene.dtype)
    found.crs = scene.crs.to_string() if scene.crs else None
    found.resolution_m = scene.resolution_m
    found.bands = dict(zip(card.bands if card else RGB, scene.bands, strict=True))
    found.unused = [number for number in range(1, scene.src.count + 1) if number not in scene.bands]


def _describe_plan(found: Preview, plan: Plan) -> None:
    found.value_range = plan.value_range
    found.working_m = plan.working_m
    found.window_px = plan.scene_px(plan.size)
    found.windows = len(plan.grid)
    found.raster_bytes = plan.scene.height * plan.scene.width


def _probe(found: Preview, plan: Plan, engine: Engine) -> None:
    """Ask the network about a few windows of the scene."""
    rows = _spread(plan.grid.rows.count, max(LOOKED_AT // plan.grid.cols.count, ROWS_AT_LEAST))
    image, looked_at, valid = None, 0, 0
    with _Cost() as reading:
        for row in rows:
            for seen in read_tiles(plan, range(row, row + 1)):
                looked_at += 1
                if seen.image is not None:
                    valid += 1
                    image = seen.image.copy() if image is None else image
    if image is None:
        return
    windows = len(plan.grid) * valid / looked_at
    batch = np.stack([image] * engine.batch_size)
    probability = engine(batch)[0]  # the first call also chooses kernels
    with _Cost() as network:
        for _ in range(TIMED):
            engine(batch)
    # Before a window is blended here, since that memory is in the buffers.
    found.memory_bytes = _peak_bytes() + buffer_bytes(plan)
    polygons, file, part = _polygonize(plan, engine, probability)
    found.seconds = _together(
        # Rows of windows that follow each other share what they overlap.
        reading.times(plan.rows.seen / min(plan.rows.seen, len(rows) * plan.size)),
        network.times(windows / (TIMED * engine.batch_size)),
        polygons.times(valid / looked_at / part),
        file,
    )


def _spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` of ``count`` numbers, evenly apart."""
    return sorted({int((number + 0.5) * count / wanted) for number in range(wanted)})


@dataclass(slots=True)
class _Cost:
    """What is done meanwhile takes: seconds by the clock, and those of all cores together."""

    clock: float = 0.0
    cores: float = 0.0

    def __enter__(self) -> _Cost:
        self.clock, self.cores = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.clock += time.perf_counter()
        self.cores += time.process_time()

    def times(self, factor: float) -> _Cost:
        return _Cost(self.clock * factor, self.cores * factor)


def _together(*stages: _Cost) -> float:
    """Seconds of stages that overlap in time but share the machine's cores."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(*(stage.clock for stage in stages), sum(stage.cores for stage in stages) / usable)


def _polygonize(plan: Plan, engine: Engine, probability: NDArray[np.float32]) -> tuple[_Cost, _Cost, float]:
    """Blend one window and make polygons of it: what that takes, what their file does, and which part of the scene."""
    scene, size = plan.scene, plan.size
    seen = min(size, plan.rows.seen), min(size, plan.cols.seen)
    height, width = min(plan.scene_px(size)[0], scene.height), min(plan.scene_px(size)[1], scene.width)
    grid = Grid.square(*seen, size, plan.grid.rows.overlap)
    predictions = ((tile, probability, None) for tile in grid.tiles())
    shown = Scaling(height, seen[0]), Scaling(width, seen[1])
    with TemporaryDirectory() as folder:
        job = Job(scene.name, width, height, scene.crs, datetime.now(UTC))
        with _Cost() as opening:
            inventory = open_inventory(Path(folder) / "probe.gpkg", plan, provenance(plan, engine), job)
        collector = open_collector(inventory, plan, width=width)
        with _Cost() as cost:
            for strip in blend(predictions, grid, scene=shown, spread=plan.tta != "none"):
                collector.add(strip)
            collector.close()
        with _Cost() as closing:
            inventory.close()
    file = _Cost(opening.clock + closing.clock, opening.cores + closing.cores)
    return cost, file, height * width / (scene.height * scene.width)


def buffer_bytes(plan: Plan) -> int:
    """Memory that a run needs for the width of its scene: block cache, rows read and blended, a strip made of them."""
    # A strip is quantised by way of float32, searched for polygons and written.
    strip = max(plan.scene.width, PIXELS_AT_ONCE) * 3 * 4
    return plan.cache_bytes + plan.read_bytes + plan.blended_bytes + strip


def _peak_bytes() -> int:
    """Largest memory of this process so far."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
