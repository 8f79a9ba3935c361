"""What is sent to a worker, and what it does with it: one band of a scene, with an engine that it keeps."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar

import rasterio
import shapely

from landslide_cli._version import __version__
from landslide_cli.engine import Engine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import ClusterError, LandslideWarning, SceneError, shown
from landslide_cli.files.belonging import leaving_no_traces
from landslide_cli.foreign import as_ours
from landslide_cli.model.weights import find_model
from landslide_cli.mosaic.blend import blend
from landslide_cli.mosaic.packing import Packed, Packer
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.predictor import Predictor
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.scene import Scene, open_scene
from landslide_cli.scene.validity import Nodata
from landslide_cli.tiling.bands import Rows
from landslide_cli.typing import Float32, Pixels

Given = TypeVar("Given")
Made = TypeVar("Made")
Opener = Callable[[], Engine]
"""Opens an engine in a worker; it can be sent and compared."""
# Engines aren't asked by two threads at once, whatever a worker was started with.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class ModelOf:
    """Opens the model of a runtime where a worker has it, if it is the client's.

    Attributes:
        runtime: What predicts.
        sha256: Checksum of the client's weights.
    """

    runtime: Runtime
    sha256: str

    def __call__(self) -> Engine:
        """Load the model.

        Raises:
            ClusterError: its weights are others.
            LandslideError: it isn't there, is damaged, or can't run as it should.
        """
        weights, card = find_model(self.runtime.model)
        if card.sha256 != self.sha256:
            raise ClusterError(
                f"the weights of {card.model_id} have the checksum {card.sha256[:12]} there and {self.sha256[:12]} "
                "here; give all machines the same model"
            )
        return self.runtime.choose(weights, card).open()


class EngineElsewhere(Engine):
    """The facts of an engine that runs in workers; it can't be asked here."""

    def __init__(self, name: str, device: str, precision: str) -> None:
        self.name, self.device, self.precision = name, device, precision

    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Refuse to predict, whatever the shapes."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Order:
    """One band of a scene, for a worker that sees the scene under the same name.

    Attributes:
        scene: Name of the scene.
        bands: Numbers of its bands.
        nodata: Value that stands for no data.
        shape: What the client sees of it: height, width, transform, type of numbers.
        plan: The plan's fields, but for the scene.
        rows: Rows of windows.
        opener: Opens the engine.
        version: Of the client.
    """

    scene: str
    bands: tuple[int, ...]
    nodata: Nodata
    shape: tuple[Any, ...]
    plan: dict[str, Any]
    rows: Rows
    opener: Opener
    version: str

    @classmethod
    def of(cls, plan: Plan, rows: Rows, opener: Opener) -> Order:
        """Write an order for some rows of windows of a plan.

        Raises:
            SceneError: the scene lies in this process's memory alone.
        """
        scene = plan.scene
        if scene.src.name.startswith("/vsimem/"):
            raise SceneError(f"{shown(scene.src.name)} lies in memory, where no worker sees it; write it to a file")
        settings = {field.name: getattr(plan, field.name) for field in fields(plan) if field.name != "scene"}
        name = _from_anywhere(scene.src.name)
        return cls(name, scene.bands, scene.data.nodata, shape_of(scene), settings, rows, opener, __version__)


def _from_anywhere(name: str) -> str:
    """The name under which a process with another working folder finds a file."""
    return str(Path(name).absolute()) if Path(name).exists() else name


def _sendable(work: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """Let a worker's errors reach the client as they are: Dask can't send what a library's error has caused."""

    @wraps(work)
    def run(given: Given) -> Made:
        try:
            return work(given)
        except Exception as error:
            ours = as_ours(error)
            if ours is None:
                raise
            sent = type(ours)(str(ours))
        raise sent

    return run


def shape_of(scene: Scene) -> tuple[Any, ...]:
    """By which a worker knows that it has the client's scene before it."""
    return scene.height, scene.width, tuple(scene.transform), str(scene.dtype)


def version() -> str:
    """Of the worker's package."""
    return __version__


@_sendable
def ready(opener: Opener) -> tuple[str, str, str]:
    """Open the engine in a worker: its name, kind of device and precision.

    Raises:
        LandslideError: it can't be opened.
    """
    with _ONE_AT_A_TIME:
        engine = opened(opener)
    return engine.name, engine.device.partition(":")[0], engine.precision


@lru_cache(maxsize=1)
def opened(opener: Opener) -> Engine:
    """The engine that this process keeps."""
    return opener()


@_sendable
def predict(order: Order) -> Packed:
    """Predict a band in a worker.

    Raises:
        ClusterError: the worker has another version, or other weights.
        SceneError: it doesn't see the client's scene under that name.
        LandslideError: as in a run.
    """
    if order.version != __version__:
        raise ClusterError(f"a worker has landslide {__version__}, this is {order.version}; give all the same version")
    card = order.plan["card"]
    with _ONE_AT_A_TIME, leaving_no_traces([order.scene]), warnings.catch_warnings():
        warnings.simplefilter("ignore", LandslideWarning)  # the client has told them
        engine = opened(order.opener)
        # Whether it may read from other machines, the client has asked itself already.
        with open_scene(
            order.scene, wanted=card.bands, bands=order.bands, nodata=order.nodata, allow_remote=True
        ) as scene:
            if shape_of(scene) != order.shape:
                raise SceneError(f"{scene.name} is another raster for a worker than here; let all see the same folder")
            plan = Plan(scene=scene, **order.plan)
            if plan.area:
                shapely.prepare(plan.area.polygon)
            return _predicted(plan, engine, order.rows)


def _predicted(plan: Plan, engine: Engine, rows: Rows) -> Packed:
    views = in_views(engine, plan.tta)
    views.prepare(plan.size, len(plan.grid))
    band = plan.rows_of_windows(rows)
    predictor, packer = Predictor(plan, views, band=band), Packer(band.top, plan.scene.width)
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes), closing(iter(predictor)) as predictions:
        shape = plan.rows, plan.cols
        for strip in blend(predictions, plan.grid, scene=shape, spread=plan.tta != "none", band=band):
            packer.add(strip)
    return packer.packed(predictor.asked)


def on_workers(runtime: Runtime, sha256: str) -> ModelOf:
    """What workers open: the runtime without what only the client decides."""
    # Workers of several cards see one each.
    device = "cuda" if "," in runtime.device else runtime.device
    named = str(runtime.model)
    model = _from_anywhere(named) if Path(named).suffix else named
    return ModelOf(replace(runtime, model=model, device=device, workers=None, cluster=None, resume=True), sha256)
