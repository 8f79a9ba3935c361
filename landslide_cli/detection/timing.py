"""How fast each stage of a run is on this machine, and how near the whole comes to the network alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio

from landslide_cli.detection.joining import open_collector
from landslide_cli.detection.outputs import Outputs, provenance
from landslide_cli.detection.prepare import prepare
from landslide_cli.detection.run import run
from landslide_cli.engine import Engine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import SceneError
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.mosaic.blend import Strip, blend
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.predictor import Predictor, read_batches
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.scene import Raster
from landslide_cli.scene.view import View
from landslide_cli.typing import Pixels

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
    """A measurement: on which scene, with which engine, and each stage.

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


def benchmark(scene: Raster | None = None, *, view: View = View(), runtime: Runtime = Runtime()) -> Benchmark:
    """Time the stages of `landslide_cli.detect` one by one and together; takes about three times as long as it.

    Args:
        scene: Scene to measure on; a synthetic one in a temporary folder by default.
        view: What of the scene is seen.
        runtime: What predicts, and how.

    Raises:
        LandslideError: as `detect`.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        with prepare(_demo(folder) if scene is None else scene, view, runtime) as prepared:
            return measure(prepared.planned(), prepared.open_engine(), folder)


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
    views.prepare(plan.size, len(plan.grid))
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes):
        calls, windows = 0, 0
        kept: list[Pixels] = []
        start = time.perf_counter()
        for batch in read_batches(plan, views):
            if batch.pixels is not None:
                calls, windows = calls + 1, windows + batch.asked
                kept = [*kept, batch.pixels][:KEPT]
        reading = time.perf_counter() - start
    if not kept:
        raise SceneError(f"{plan.scene.name} holds no valid pixel; check the file's nodata value, alpha band and mask")
    views(kept[0], plan.value_range)  # the first call also chooses kernels
    strips: list[Strip] = []
    taken = {
        "network": _time(lambda: _ask(views, kept, calls, plan.value_range)),
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


def _ask(engine: Engine, batches: Sequence[Pixels], calls: int, value_range: tuple[float, float]) -> None:
    """The bare loop that a whole run is held against: pixels are in memory, answers are thrown away."""
    for pixels in islice(cycle(batches), calls):
        engine(pixels, value_range)


def _predict(plan: Plan, engine: Engine) -> list[Strip]:
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes), closing(iter(Predictor(plan, engine))) as predictions:
        return list(blend(predictions, plan.grid, scene=(plan.rows, plan.cols), spread=plan.tta != "none"))


def _polygonize(plan: Plan, engine: Engine, strips: Sequence[Strip], out: Path) -> None:
    measurer = Measurer(plan.scene.ground, PolygonRules(threshold=plan.card.threshold))
    collector = open_collector(out, plan, measurer, provenance(plan, engine, measurer))
    for strip in strips:
        collector.add(strip)
    collector.close()
    collector.inventory.close()
