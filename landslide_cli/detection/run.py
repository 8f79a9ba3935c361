"""One scene's run: from a raster to an inventory of landslide polygons."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

import numpy as np
import rasterio

from landslide_cli.detection.announcing import announce, announce_scene
from landslide_cli.detection.before import Before, in_turn, prepare_before
from landslide_cli.detection.config import config_text
from landslide_cli.detection.outputs import Outputs, before_tags, open_raster, provenance, refuse_lonely_spread
from landslide_cli.detection.prepare import prepare
from landslide_cli.detection.stac import write_item
from landslide_cli.detection.summary import Summary, summary_of
from landslide_cli.engine import Engine
from landslide_cli.engine.views import in_views
from landslide_cli.errors import SceneError
from landslide_cli.files import FileSet
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.attributes import Measurer, open_measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.read import read_inventory
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.inventory.terrain import CACHE_BYTES
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.model.weights import files_of_model
from landslide_cli.mosaic.blend import blend
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.mosaic.regridding import Regridded
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.predictor import Predictor
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.scene import Raster, name_of
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

if TYPE_CHECKING:
    import geopandas


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


@foreign_errors()
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
    inputs = (name_of(scene), view.aoi, rules.dem, rules.before, *files_of_model(runtime.model))
    files = outputs.claim(*inputs, overwrite=overwrite)
    with prepare(scene, view, runtime, choosing=engine is None) as prepared:
        plan = prepared.planned()
        refuse_lonely_spread(outputs.spread, plan.tta)
        opened = plan.scene
        rules = rules.with_threshold(plan.card.threshold, plan.card.min_area_m2)
        with ExitStack() as stack:
            measurer = stack.enter_context(open_measurer(rules, opened.ground, (opened.height, opened.width)))
            before = stack.enter_context(prepare_before(plan, rules, view, runtime, outputs.before_probability))
            engine = engine or prepared.open_engine()
            outputs = replace(outputs, config=config_text(view, rules, replace(runtime, tta=plan.tta)))
            return run(plan, engine, outputs, measurer=measurer, before=before, files=files, on_progress=on_progress)


def run(
    plan: Plan,
    engine: Engine,
    outputs: Outputs,
    *,
    measurer: Measurer | None = None,
    before: Before | None = None,
    files: FileSet | None = None,
    on_progress: OnProgress | None = None,
) -> Summary:
    """Carry a plan out with any engine; the outputs get their names together, at the end.

    Args:
        plan: What is predicted.
        engine: What predicts.
        outputs: Files to write.
        measurer: What makes the polygons; by the card's threshold alone by default.
        before: What was before, where the rules of the measurer name it.
        files: The outputs as `Outputs.claim` gave them; whatever is there is replaced by default.
        on_progress: Called after each window with the scene's pixels done and in all.

    Raises:
        SceneError: the scene can't be read to its end, or nothing in it is valid.
    """
    scene = plan.scene
    measurer = measurer or Measurer(scene.ground, PolygonRules(threshold=plan.card.threshold))
    engine = in_views(engine, plan.tta)
    announce(plan, engine)
    cache = plan.cache_bytes + (CACHE_BYTES if measurer.terrain else 0)
    files = files or outputs.claim(overwrite=True)
    on_earlier, on_progress = in_turn(before.pixels if before else 0, scene.height * scene.width, on_progress)
    with rasterio.Env(GDAL_CACHEMAX=cache), files.staged() as places, ExitStack() as opened:
        place, earlier = places[outputs.inventory], None
        if before:
            kept = outputs.before_probability and places[outputs.before_probability]
            earlier = opened.enter_context(before.opened(plan, engine, kept, place.parent, cache, on_earlier))
        announce_scene(plan, measurer.rules.smallest_m2)
        engine.prepare(plan.size, len(plan.grid))
        tags = provenance(plan, engine, measurer) | before_tags(measurer.rules, earlier)
        predictor = Predictor(plan, engine, on_progress)
        collector = open_collector(place, plan, measurer, tags, outputs, earlier)
        with ExitStack() as rasters:
            probability, mask, apart = (
                open_raster(rasters, places.get(path) if path else None, plan, tags, kind)
                for kind, path in outputs.by_kind.items()
            )
            predictions = rasters.enter_context(closing(iter(predictor)))
            for strip in blend(predictions, plan.grid, scene=(plan.rows, plan.cols), spread=plan.tta != "none"):
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
        probability=None if outputs.probability is None else str(outputs.probability), windows=predictor.asked,
    )  # fmt: skip


def open_collector(
    place: Path, plan: Plan, measurer: Measurer, tags: dict[str, str], outputs: Outputs | None = None,
    before: Regridded | None = None,
) -> Collector:  # fmt: skip
    """Open the collector that makes a plan's strips polygons, and the inventory that they go into.

    Args:
        place: File to write.
        plan: What is predicted.
        measurer: What makes the polygons.
        tags: Provenance.
        outputs: What was asked for, for the layer ``runs``.
        before: The probability before on the scene's grid, if it is known.
    """
    scene = plan.scene
    told = (outputs.command, outputs.config) if outputs else ()
    job = Job(scene.name, scene.width, scene.height, scene.crs, datetime.now(UTC), *told)
    spread = plan.tta != "none"
    inventory = InventoryWriter(place, measurer=measurer, job=job, provenance=tags, spread=spread)
    return Collector(inventory, scene.width, before)
