"""One scene's run: from a raster to an inventory of landslide polygons."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

import numpy as np
import rasterio

from landslide_cli.detection.outputs import Outputs, open_raster, provenance, refuse_lonely_spread
from landslide_cli.detection.prepare import prepare
from landslide_cli.detection.stac import write_item
from landslide_cli.detection.summary import Summary, summary_of
from landslide_cli.engine import Engine
from landslide_cli.engine.views import VIEWS, in_views
from landslide_cli.errors import SceneError
from landslide_cli.files import FileSet
from landslide_cli.inventory.attributes import Measurer, open_measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.read import read_inventory
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.inventory.terrain import CACHE_BYTES
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.model.weights import files_of_model, installed_weights
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.prediction.keeping import Kept, keeping
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.prediction.strips import Strips
from landslide_cli.scene.scene import Raster, name_of
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

if TYPE_CHECKING:
    import geopandas

log = logging.getLogger(__name__)


@overload
def detect(
    scene: Raster, out: None = None, *, view: View = ..., rules: PolygonRules = ..., runtime: Runtime = ...,
    overwrite: bool = ..., engine: Engine | None = ..., on_progress: OnProgress | None = ...,
) -> geopandas.GeoDataFrame: ...  # fmt: skip


@overload
def detect(
    scene: Raster, out: str | Path | Outputs, *, view: View = ..., rules: PolygonRules = ..., runtime: Runtime = ...,
    overwrite: bool = ..., engine: Engine | None = ..., on_progress: OnProgress | None = ...,
) -> Summary: ...  # fmt: skip


def detect(
    scene: Raster,
    out: str | Path | Outputs | None = None,
    *,
    view: View = View(),
    rules: PolygonRules = PolygonRules(),
    runtime: Runtime = Runtime(),
    overwrite: bool = False,
    engine: Engine | None = None,
    on_progress: OnProgress | None = None,
) -> Summary | geopandas.GeoDataFrame:
    """Find the landslides in a scene.

    Args:
        scene: Any raster that GDAL reads, of any size, or a dataset that rasterio has opened; it stays open.
        out: Inventory to write: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``; or `Outputs` for rasters
            and a STAC item as well. None writes nothing.
        view: What of the scene is seen.
        rules: What counts as a landslide, and how its polygon is drawn.
        runtime: What predicts, and how.
        overwrite: Replace outputs that exist.
        engine: What ``runtime.choose(...).open()`` gave, to use it for several scenes. By default the model is loaded
            anew; with it, engine, device, precision and batch size of ``runtime`` aren't asked for.
        on_progress: Called after each window with the scene's pixels done and in all.

    Returns:
        What was found, in numbers. Without ``out`` the landslides themselves, with their attributes, in the scene's
        CRS, and in ``attrs`` how they were made, see `landslide_cli.read_inventory`.

    Raises:
        LandslideError: with a message that says what to do; no output is written then.
    """
    if out is None:
        with TemporaryDirectory(prefix="landslide-") as folder:
            place = Path(folder) / "landslides.gpkg"
            detect(scene, place, view=view, rules=rules, runtime=runtime, engine=engine, on_progress=on_progress)
            return read_inventory(place)
    outputs = out if isinstance(out, Outputs) else Outputs(Path(out))
    inputs = (name_of(scene), view.aoi, rules.dem, *files_of_model(runtime.model))
    files = outputs.claim(*inputs, overwrite=overwrite)
    with prepare(scene, view, runtime, choosing=engine is None) as prepared:
        plan = prepared.planned()
        refuse_lonely_spread(outputs.spread, plan.tta)
        opened = plan.scene
        rules = rules.with_threshold(plan.card.threshold)
        with open_measurer(rules, opened.ground, (opened.height, opened.width)) as measurer:
            engine = engine or prepared.open_engine()
            with keeping(outputs.inventory, plan, engine, wanted=runtime.resume) as kept:
                return run(plan, engine, outputs, measurer=measurer, files=files, on_progress=on_progress, kept=kept)


def run(
    plan: Plan,
    engine: Engine,
    outputs: Outputs,
    *,
    measurer: Measurer | None = None,
    files: FileSet | None = None,
    on_progress: OnProgress | None = None,
    kept: Kept | None = None,
) -> Summary:
    """Carry a plan out with any engine; the outputs get their names together, at the end.

    Args:
        plan: What is predicted.
        engine: What predicts.
        outputs: Files to write.
        measurer: What makes the polygons; by the card's threshold alone by default.
        files: The outputs as `Outputs.claim` gave them; whatever is there is replaced by default.
        on_progress: Called after each window with the scene's pixels done and in all.
        kept: Finished bands that are there, and where further ones are kept.

    Raises:
        SceneError: the scene can't be read to its end, or nothing in it is valid.
    """
    scene = plan.scene
    measurer = measurer or Measurer(scene.ground, PolygonRules(threshold=plan.card.threshold))
    engine = in_views(engine, plan.tta)
    engine.prepare(plan.size, len(plan.grid))
    _announce(plan, engine)
    tags = provenance(plan, engine, measurer)
    predicted = Strips(plan, engine, on_progress, kept)
    cache = plan.cache_bytes + (CACHE_BYTES if measurer.terrain else 0)
    files = files or outputs.claim(overwrite=True)
    with rasterio.Env(GDAL_CACHEMAX=cache), files.staged() as places:
        collector = open_collector(places[outputs.inventory], plan, measurer, tags, outputs)
        with ExitStack() as rasters:
            probability, mask, apart = (
                open_raster(rasters, places.get(path) if path else None, plan, tags, kind)
                for kind, path in outputs.by_kind.items()
            )
            for strip in rasters.enter_context(closing(iter(predicted))):
                landslide = collector.add(strip)
                if probability:
                    probability.write(strip.top, strip.stored)
                if apart and strip.spread is not None:
                    apart.write(strip.top, strip.spread)
                if mask:
                    mask.write(strip.top, np.where(strip.stored == NODATA, np.uint8(NODATA), landslide))
            collector.close()
            if collector.analysed_px == 0:
                what = "the area of interest" if plan.area else "the scene"
                raise SceneError(
                    f"{scene.name}: {what} holds no valid pixel; check the file's nodata value, alpha band and mask"
                )
        collector.inventory.close()
        if outputs.stac:
            write_item(places[outputs.stac], plan, outputs, tags)
    return summary_of(
        collector, scene=name_of(scene.src), out=str(outputs.inventory),
        probability=None if outputs.probability is None else str(outputs.probability), windows=predicted.asked,
    )  # fmt: skip


def open_collector(
    place: Path, plan: Plan, measurer: Measurer, tags: dict[str, str], outputs: Outputs | None = None
) -> Collector:
    """Open the collector that makes a plan's strips polygons, and the inventory that they go into.

    Args:
        place: File to write.
        plan: What is predicted.
        measurer: What makes the polygons.
        tags: Provenance.
        outputs: What was asked for, for the layer ``runs``.
    """
    scene = plan.scene
    command = outputs.command if outputs else None
    job = Job(scene.name, scene.width, scene.height, scene.crs, datetime.now(UTC), command)
    spread = plan.tta != "none"
    inventory = InventoryWriter(place, measurer=measurer, job=job, provenance=tags, spread=spread)
    return Collector(inventory, scene.width)


def _announce(plan: Plan, engine: Engine) -> None:
    """The first lines of a run."""
    scene = plan.scene
    metres = f"{scene.resolution_m:.3g} m pixels" if scene.resolution_m else "pixels of unknown size"
    views = f", {len(VIEWS[plan.tta])} views of each window" if plan.tta != "none" else ""
    others = ", ".join(path.stem for path in installed_weights() if path.stem != plan.card.model_id)
    more = f" (also there: {others}; --model)" if others else ""
    log.info("%s by %s on %s, %s%s%s", plan.card.model_id, engine.name, engine.device, engine.precision, views, more)
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
