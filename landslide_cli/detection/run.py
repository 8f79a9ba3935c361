"""One scene's run: from a raster to an inventory of landslide polygons."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio

from landslide_cli.detection.outputs import Outputs, known, open_raster, provenance, refuse_lonely_spread
from landslide_cli.detection.stac import write_item
from landslide_cli.engine import Engine
from landslide_cli.engine.choice import open_engine
from landslide_cli.engine.kept import OpenEngine
from landslide_cli.engine.views import VIEWS, in_views
from landslide_cli.errors import SceneError
from landslide_cli.files import staged
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.rules import Shaping
from landslide_cli.inventory.terrain import open_terrain
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.model.weights import DEFAULT_MODEL, find_model
from landslide_cli.mosaic.blend import blend
from landslide_cli.mosaic.encoding import DEFAULT_BOUNDARY, NODATA, Boundary
from landslide_cli.prediction.plan import Plan, make_plan, read_scene_area
from landslide_cli.prediction.predictor import OnProgress, Predictor, open_planned_engine
from landslide_cli.scene.scene import open_scene
from landslide_cli.tiling.grid import DEFAULT_OVERLAP

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run found.

    Attributes:
        scene: The scene.
        out: The inventory.
        model: Model id.
        landslides: Number of polygons.
        flat: Polygons that were dropped because the ground is too flat; None without an elevation model.
        area_m2: Their area together; None without a CRS.
        analysed_m2: Area that the network has looked at; None without a CRS.
        analysed_share: The same as a part of the scene's pixels.
        bounds: West, south, east, north of the landslides in degrees, west larger than east across the antimeridian
            (RFC 7946, section 5.2); None if there are none or no CRS.
        windows: Windows that the network was asked about.
        engine: What ran the network: torch or openvino.
        device: Where the network ran.
        precision: Type that its convolutions ran in.
        tta: Views that it was asked about: none, flips or d4.
    """

    scene: str
    out: str
    model: str
    landslides: int
    flat: int | None
    area_m2: float | None
    analysed_m2: float | None
    analysed_share: float
    bounds: tuple[float, float, float, float] | None
    windows: int
    engine: str
    device: str
    precision: str
    tta: str


def detect(
    scene: str | Path,
    out: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    threshold: float | None = None,
    min_area: float = 0.0,
    fill_holes: float = 0.0,
    simplify: float = 0.0,
    connectivity: int = 4,
    boundary: Boundary = DEFAULT_BOUNDARY,
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
    command: str | None = None,
    on_progress: OnProgress | None = None,
    opener: OpenEngine = open_engine,
) -> Summary:
    """Find the landslides in a scene and write them as polygons.

    Args:
        scene: Any raster that GDAL reads, of any size.
        out: Inventory to write: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``.
        model: Id of an installed model, a ``.safetensors`` file with its card beside it, or an OpenVINO ``.xml`` that
            `landslide export` wrote.
        threshold: Probability from which a pixel counts as landslide; the card's by default.
        min_area: Smallest landslide in m².
        fill_holes: Holes up to this many m² are filled.
        simplify: Metres by which outlines may move to lose vertices.
        connectivity: 4, or 8 to join pixels that touch at a corner.
        boundary: ``pixel`` for outlines along the edges of pixels, ``smooth`` for such that follow the probability.
        dem: Elevation model, in any CRS and resolution, to measure height, slope and aspect by.
        min_slope: Landslides with a smaller mean slope in degrees are dropped; needs ``dem``.
        overlap: Pixels that neighbouring windows share; their tiles are blended there.
        batch_size: Windows in each call of the network; by default as many as are quickest and fit into memory.
        engine: ``torch``, ``openvino``, or ``auto`` for the fastest that is installed.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; OpenVINO runs on the CPU.
        precision: ``auto``, ``float32``, ``bfloat16``, ``float16`` (torch) or ``int8`` (OpenVINO).
        tta: ``flips`` or ``d4`` to ask the network about four or eight views of each window and take their mean,
            ``none`` for one; the card's by default.
        bands: Numbers of the bands to use, counted from 1, in the model's order.
        scale: Raw values that map to the model's range; measured by default, except for uint8.
        resolution: Metres per pixel at which the network sees the scene.
        aoi: Vector file with the polygons to analyse.
        bbox: Left, bottom, right, top to analyse, in the scene's CRS.
        probability: GeoTIFF of the probability to write as well.
        mask: GeoTIFF of the mask (1 landslide, 0 not, 255 not analysed) to write as well.
        spread: GeoTIFF of the standard deviation between the views to write as well; needs ``tta``.
        stac: Write a STAC item beside the inventory as well, named as it is but ending in ``.json``.
        overwrite: Replace outputs that exist.
        command: Command line to note in the layer ``runs``.
        on_progress: Called after each window with the scene's pixels done and in all.
        opener: What loads the model; `landslide_cli.engine.kept.KeptEngine` keeps it from scene to scene.

    Raises:
        LandslideError: with a message that says what to do; no output is written then.
    """
    outputs = Outputs.named(out, probability=probability, mask=mask, spread=spread, stac=stac)
    outputs.refuse(scene, aoi, dem, overwrite=overwrite)
    weights, card = find_model(model)
    refuse_lonely_spread(spread, tta or card.tta)
    with ExitStack() as stack:
        opened = stack.enter_context(open_scene(scene, wanted=card.bands, bands=bands))
        size = opened.height, opened.width
        terrain = stack.enter_context(open_terrain(dem, scene=opened.ground, size=size, min_slope_deg=min_slope))
        area = read_scene_area(opened, aoi=aoi, bbox=bbox)
        plan = make_plan(
            opened,
            card,
            threshold=threshold,
            shaping=Shaping(min_area, fill_holes, simplify),
            connectivity=connectivity,
            boundary=boundary,
            overlap=overlap,
            scale=scale,
            resolution_m=resolution,
            area=area,
            tta=tta,
            terrain=terrain,
        )
        opened_engine = open_planned_engine(
            plan, weights, engine=engine, device=device, precision=precision, batch_size=batch_size, opener=opener
        )
        return run(plan, opened_engine, outputs, command=command, on_progress=on_progress)


def run(
    plan: Plan, engine: Engine, outputs: Outputs, *, command: str | None = None, on_progress: OnProgress | None = None
) -> Summary:
    """Carry a plan out with any engine; the outputs get their names together, at the end.

    Raises:
        SceneError: the scene can't be read to its end, or nothing in it is valid.
    """
    several = plan.tta != "none"
    engine = in_views(engine, plan.tta)
    _announce(plan, engine)
    scene, tags = plan.scene, provenance(plan, engine)
    job = Job(scene.name, scene.width, scene.height, scene.crs, datetime.now(UTC), command)
    predictor = Predictor(plan, engine, on_progress)
    with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes), ExitStack() as stages:
        inventory = open_inventory(stages.enter_context(staged(outputs.inventory)), plan, tags, job)
        collector = open_collector(inventory, plan)
        with ExitStack() as rasters:
            probability = open_raster(stages, rasters, outputs.probability, plan, tags, "probability")
            mask = open_raster(stages, rasters, outputs.mask, plan, tags, "mask")
            apart = open_raster(stages, rasters, outputs.spread, plan, tags, "spread")
            predictions = rasters.enter_context(closing(iter(predictor)))
            for strip in blend(predictions, plan.grid, scene=(plan.rows, plan.cols), spread=several):
                landslide = collector.add(strip)
                if probability:
                    probability.write(strip.top, strip.stored)
                if apart and strip.spread is not None:
                    apart.write(strip.top, strip.spread)
                if mask:
                    mask.write(strip.top, np.where(strip.stored == NODATA, np.uint8(NODATA), landslide))
            collector.close()
            if collector.known == 0:
                what = "the area of interest" if plan.area else "the scene"
                raise SceneError(
                    f"{scene.name}: {what} holds no valid pixel; check the file's nodata value, alpha band and mask"
                )
        inventory.close()
        if outputs.stac:
            write_item(stages.enter_context(staged(outputs.stac)), plan, outputs, tags)
    return Summary(
        scene=str(scene.src.name),
        out=str(outputs.inventory),
        model=plan.card.model_id,
        landslides=inventory.count,
        flat=inventory.flat if plan.terrain else None,
        area_m2=known(inventory.area_m2) if scene.crs else None,
        analysed_m2=known(inventory.analysed_m2),
        analysed_share=collector.known / (scene.height * scene.width),
        bounds=inventory.bounds,
        windows=predictor.asked,
        engine=engine.name,
        device=engine.device,
        precision=engine.precision,
        tta=plan.tta,
    )


def open_inventory(place: Path, plan: Plan, tags: dict[str, str], job: Job) -> InventoryWriter:
    """The inventory that a plan's landslides are written into."""
    scene = plan.scene
    return InventoryWriter(
        place,
        measurer=Measurer(scene.ground, plan.shaping, plan.terrain),
        job=job,
        model=plan.card.model_id,
        resolution_m=plan.working_m,
        multi=plan.connectivity == 8,
        spread=plan.tta != "none",
        provenance=tags,
    )


def open_collector(inventory: InventoryWriter, plan: Plan, *, width: int | None = None) -> Collector:
    """What makes a plan's strips polygons of the inventory; ``width`` is that of the strips, the scene's by default."""
    return Collector(
        inventory,
        width=width or plan.scene.width,
        threshold=plan.threshold,
        connectivity=plan.connectivity,
        sieve_px=plan.shaping.sieve_px(plan.scene.ground.pixel_m),
        spread=plan.tta != "none",
        boundary=plan.boundary,
    )


def _announce(plan: Plan, engine: Engine) -> None:
    """The first lines of a run."""
    scene = plan.scene
    metres = f"{scene.resolution_m:.3g} m pixels" if scene.resolution_m else "pixels of unknown size"
    views = f", {len(VIEWS[plan.tta])} views of each window" if plan.tta != "none" else ""
    log.info("%s by %s on %s, %s%s", plan.card.model_id, engine.name, engine.device, engine.precision, views)
    log.info(
        "%s: %d x %d, %s, bands %s, %d window%s",
        scene.name, scene.width, scene.height, metres, ",".join(map(str, scene.bands)),
        len(plan.grid), "s" * (len(plan.grid) != 1),
    )  # fmt: skip
    if plan.value_range != plan.card.value_range:
        log.info("%s pixels: %g to %g is stretched to the model's range (--scale)", scene.dtype, *plan.value_range)
    if plan.resampled:
        log.info(
            "the network sees %.3g m (trained for %.3g to %.3g m; --resolution); results keep the scene's grid",
            plan.working_m, *plan.card.resolution_m,
        )  # fmt: skip
