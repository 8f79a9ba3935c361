"""Strips, wherever they come from, joined in one place and in order: to polygons, rasters and their files."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio

from landslide_cli.detection.outputs import Outputs, open_raster, provenance
from landslide_cli.detection.stac import write_item
from landslide_cli.detection.summary import Summary, summary_of
from landslide_cli.engine import Engine
from landslide_cli.engine.views import VIEWS
from landslide_cli.errors import SceneError
from landslide_cli.files import FileSet
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.terrain import CACHE_BYTES
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.model.weights import installed_weights
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.prediction.plan import Plan
from landslide_cli.scene.scene import name_of

log = logging.getLogger(__name__)


class StripsOfScene(Protocol):
    """The strips of a scene from top to bottom, and how many windows the network was asked about for them."""

    asked: int

    def __iter__(self) -> Generator[Strip]: ...


def join(
    plan: Plan, engine: Engine, strips: StripsOfScene, outputs: Outputs, *, measurer: Measurer, files: FileSet
) -> Summary:
    """Make a scene's strips polygons and rasters; the outputs get their names together, at the end.

    Args:
        plan: What is predicted.
        engine: What predicts, or its facts.
        strips: The strips.
        outputs: Files to write.
        measurer: What makes the polygons.
        files: The outputs as `Outputs.claim` gave them.

    Raises:
        SceneError: the scene can't be read to its end, or nothing in it is valid.
    """
    scene = plan.scene
    tags = provenance(plan, engine, measurer)
    cache = plan.cache_bytes + (CACHE_BYTES if measurer.terrain else 0)
    with rasterio.Env(GDAL_CACHEMAX=cache), files.staged() as places:
        collector = open_collector(places[outputs.inventory], plan, measurer, tags, outputs)
        with ExitStack() as rasters:
            probability, mask, apart = (
                open_raster(rasters, places.get(path) if path else None, plan, tags, kind)
                for kind, path in outputs.by_kind.items()
            )
            for strip in rasters.enter_context(closing(iter(strips))):
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
        probability=None if outputs.probability is None else str(outputs.probability), windows=strips.asked,
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


def announce(plan: Plan, engine: Engine) -> None:
    """Say the first lines of a run."""
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
