"""Strips, wherever they come from, joined in one place and in order: to polygons, rasters and their files."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio

from landslide_cli.detection.announcing import announce_scene
from landslide_cli.detection.before import Before
from landslide_cli.detection.outputs import Outputs, before_tags, open_raster, provenance
from landslide_cli.detection.stac import write_item
from landslide_cli.detection.summary import Summary, summary_of
from landslide_cli.engine import Engine
from landslide_cli.errors import NothingValidError
from landslide_cli.files import FileSet
from landslide_cli.files.interrupts import asked_to_stop
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.terrain import CACHE_BYTES
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.mosaic.regridding import Regridded
from landslide_cli.prediction.plan import Plan
from landslide_cli.scene.scene import name_of
from landslide_cli.typing import OnProgress


@dataclass(frozen=True, slots=True)
class Earlier:
    """The ground before, and a callback for its prediction."""

    before: Before
    on_progress: OnProgress | None = None


class StripsOfScene(Protocol):
    """The strips of a scene from top to bottom, and how many windows the network was asked about for them."""

    asked: int

    def __iter__(self) -> Generator[Strip]: ...


def join(
    plan: Plan,
    engine: Engine,
    strips: StripsOfScene,
    outputs: Outputs,
    *,
    measurer: Measurer,
    files: FileSet,
    earlier: Earlier | None = None,
) -> Summary:
    """Make a scene's strips polygons and rasters; the outputs get their names together, at the end.

    Args:
        plan: What is predicted.
        engine: What predicts, or its facts.
        strips: The strips.
        outputs: Files to write.
        measurer: What makes the polygons.
        files: The outputs as `Outputs.claim` gave them.
        earlier: What was before, where the rules of the measurer name it.

    Raises:
        SceneError: the scene can't be read to its end.
        NothingValidError: nothing in it is valid.
    """
    scene = plan.scene
    cache = plan.cache_bytes + (CACHE_BYTES if measurer.terrain else 0)
    with rasterio.Env(GDAL_CACHEMAX=cache), files.staged() as places, ExitStack() as opened:
        place, before = places[outputs.inventory], None
        if earlier:
            kept = outputs.before_probability and places[outputs.before_probability]
            opening = earlier.before.opened(plan, engine, kept, place.parent, cache, earlier.on_progress)
            before = opened.enter_context(opening)
        announce_scene(plan, measurer.rules.smallest_m2)
        engine.prepare(plan.size, len(plan.grid))
        tags = provenance(plan, engine, measurer) | before_tags(measurer.rules, before)
        collector = open_collector(place, plan, measurer, tags, outputs, before)
        with ExitStack() as rasters:
            probability, mask, apart = (
                open_raster(rasters, places.get(path) if path else None, plan, tags, kind)
                for kind, path in outputs.by_kind.items()
            )
            for strip in rasters.enter_context(closing(iter(strips))):
                asked_to_stop.obey()
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
                raise NothingValidError(
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
