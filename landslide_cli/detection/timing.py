"""How fast each stage of a run is on this machine, and how near the whole comes to the network alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from numpy.typing import NDArray

from landslide_cli.detection.outputs import Outputs, provenance
from landslide_cli.detection.run import open_collector, open_inventory, run
from landslide_cli.engine import Engine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import SceneError
from landslide_cli.inventory.provenance import Job
from landslide_cli.model.weights import DEFAULT_MODEL, find_model
from landslide_cli.mosaic.blend import Strip, blend
from landslide_cli.prediction.plan import Plan, make_plan, read_scene_area
from landslide_cli.prediction.predictor import Predictor, open_planned_engine, read_batches
from landslide_cli.scene.scene import open_scene
from landslide_cli.tiling.grid import DEFAULT_OVERLAP

KEPT = 4  # batches that the network alone is asked about, over and over
DEMO_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run, done for the whole scene.

    Attributes:
        name: ``network``, ``reading``, ``prediction``, ``polygons`` or ``run``.
        seconds: Time that it took.
        mpx_per_s: Millions of the scene's pixels in a second.
        share: Its rate as a part of that of the network alone.
    """

    name: str
    seconds: float
    mpx_per_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was measured on which scene with which engine.

    Attributes:
        scene: Name of the scene.
        megapixels: Its pixels, in millions.
        model: Model id.
        windows: Windows that the network was asked about.
        engine: ``torch`` or ``openvino``.
        device: Where the network ran.
        precision: Type that its convolutions ran in.
        batch_size: Windows in each call.
        stages: The stages.
    """

    scene: str
    megapixels: float
    model: str
    windows: int
    engine: str
    device: str
    precision: str
    batch_size: int
    stages: tuple[Stage, ...]


def benchmark(
    scene: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
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
) -> Benchmark:
    """Time the stages of `landslide_cli.detect` one by one and together; takes about three times as long as it.

    Args:
        scene: Scene to measure on; a synthetic one in a temporary folder by default.
        model: As for `detect`, and so are all that follow.
        overlap: Pixels that windows share.
        batch_size: Windows in each call of the network.
        engine: What runs the network.
        device: Where it runs.
        precision: Type that its convolutions run in.
        tta: Views of each window.
        bands: Numbers of the bands to use.
        scale: Raw values that map to the model's range.
        resolution: Metres per pixel that the network sees.
        aoi: Vector file with the polygons to analyse.
        bbox: Left, bottom, right, top to analyse.

    Raises:
        LandslideError: as `detect`.
    """
    weights, card = find_model(model)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with open_scene(scene or _demo(folder), wanted=card.bands, bands=bands) as opened:
            area = read_scene_area(opened, aoi=aoi, bbox=bbox)
            plan = make_plan(opened, card, overlap=overlap, scale=scale, resolution_m=resolution, area=area, tta=tta)
            chosen = open_planned_engine(
                plan, weights, engine=engine, device=device, precision=precision, batch_size=batch_size
            )
            return measure(plan, chosen, folder)


def _demo(folder: Path) -> Path:
    from landslide_cli.demo import write_demo_scene

    write_demo_scene(folder / "demo.tif", folder / "truth.gpkg", size=DEMO_SIZE)
    return folder / "demo.tif"


def measure(plan: Plan, engine: Engine, folder: Path) -> Benchmark:
    """Time the stages of a plan with any engine; outputs go into ``folder``.

    Raises:
        SceneError: nothing in the scene is valid.
    """
    views = in_views(engine, plan.tta)
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes):
        calls, windows = 0, 0
        kept: list[NDArray[np.generic]] = []
        start = time.perf_counter()
        for batch in read_batches(plan, views):
            if batch.pixels is not None:
                calls, windows = calls + 1, windows + batch.asked
                kept = [*kept, batch.pixels][:KEPT]
        reading = time.perf_counter() - start
    if not kept:
        raise SceneError(f"{plan.scene.name} holds no valid pixel; check the file's nodata value, alpha band and mask")
    views(kept[0])  # the first call also chooses kernels
    strips: list[Strip] = []
    taken = {
        "network": _time(lambda: _ask(views, kept, calls)),
        "reading": reading,
        "prediction": _time(lambda: strips.extend(_predict(plan, views))),
        "polygons": _time(lambda: _polygonize(plan, views, strips, folder / "polygons.gpkg")),
        "run": _time(lambda: run(plan, engine, Outputs(folder / "run.gpkg"))),
    }
    megapixels = plan.scene.height * plan.scene.width / 1e6
    return Benchmark(
        scene=plan.scene.name,
        megapixels=megapixels,
        model=plan.card.model_id,
        windows=windows,
        engine=engine.name,
        device=engine.device,
        precision=engine.precision,
        batch_size=engine.batch_size,
        stages=tuple(
            Stage(name, seconds, megapixels / seconds, taken["network"] / seconds) for name, seconds in taken.items()
        ),
    )


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ask(engine: Engine, batches: Sequence[NDArray[np.generic]], calls: int) -> None:
    """The bare loop that a whole run is held against: pixels are in memory, answers are thrown away."""
    for pixels in islice(cycle(batches), calls):
        engine(pixels)


def _predict(plan: Plan, engine: Engine) -> list[Strip]:
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes), closing(iter(Predictor(plan, engine))) as predictions:
        return list(blend(predictions, plan.grid, scene=(plan.rows, plan.cols), spread=plan.tta != "none"))


def _polygonize(plan: Plan, engine: Engine, strips: Sequence[Strip], out: Path) -> None:
    scene = plan.scene
    job = Job(scene.name, scene.width, scene.height, scene.crs, datetime.now(UTC), None)
    inventory = open_inventory(out, plan, provenance(plan, engine), job)
    collector = open_collector(inventory, plan)
    for strip in strips:
        collector.add(strip)
    collector.close()
    inventory.close()
