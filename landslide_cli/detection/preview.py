"""What a run would do with a scene, and why it might refuse, without running it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from landslide_cli.detection.outputs import Outputs, refuse_lonely_spread
from landslide_cli.detection.probe import probe as ask
from landslide_cli.engine.choice import foresee
from landslide_cli.engine.views import in_views
from landslide_cli.errors import LandslideError, LandslideWarning
from landslide_cli.inventory.formats import fitting_crs
from landslide_cli.inventory.terrain import open_terrain
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import DEFAULT_MODEL, find_model
from landslide_cli.prediction.plan import Plan, make_plan, read_scene_area
from landslide_cli.prediction.predictor import open_planned_engine
from landslide_cli.scene.scene import Scene, open_scene
from landslide_cli.tiling.grid import DEFAULT_OVERLAP

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
                stack.enter_context(
                    open_terrain(dem, scene=opened.ground, size=(opened.height, opened.width), min_slope_deg=min_slope)
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
                        needs = ask(plan, in_views(single, plan.tta))
                        if needs:
                            found.seconds, found.memory_bytes = needs.seconds, needs.memory_bytes
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
