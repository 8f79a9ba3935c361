"""From a probability raster to the inventory that `detect` would have written with another threshold."""

from __future__ import annotations

import logging
import math
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

import numpy as np

from landslide_cli._version import __version__
from landslide_cli.detection.before import on_grid, warn_of_another_model
from landslide_cli.detection.config import config_text
from landslide_cli.detection.outputs import BEFORE_TAGS, TERRAIN_TAGS, Outputs, before_tags, terrain_tags
from landslide_cli.detection.summary import Summary, nan_as_none, summary_of
from landslide_cli.errors import ProbabilityError
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.attributes import Measurer, open_measurer
from landslide_cli.inventory.collector import Collector, landslide_polygonizer
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.read import read_inventory
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.inventory.terrain import CACHE_BYTES
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.mosaic.reading import ROWS_AT_ONCE, Mosaic, is_probability, open_mosaic
from landslide_cli.mosaic.regridding import Regridded
from landslide_cli.polygons import Finished
from landslide_cli.scene.scene import name_of, warn_without_crs
from landslide_cli.typing import Bools, Bytes, OnProgress

if TYPE_CHECKING:
    import geopandas

log = logging.getLogger(__name__)

THRESHOLDS = tuple(step / 10 for step in range(1, 10))


@overload
def polygonize(
    probability: str | Path, out: None = None, *, rules: PolygonRules = ..., spread: str | Path | None = ...,
    overwrite: bool = ..., on_progress: OnProgress | None = ...,
) -> geopandas.GeoDataFrame: ...  # fmt: skip


@overload
def polygonize(
    probability: str | Path, out: str | Path | Outputs, *, rules: PolygonRules = ..., spread: str | Path | None = ...,
    overwrite: bool = ..., on_progress: OnProgress | None = ...,
) -> Summary: ...  # fmt: skip


@foreign_errors()
def polygonize(
    probability: str | Path,
    out: str | Path | Outputs | None = None,
    *,
    rules: PolygonRules = PolygonRules(),
    spread: str | Path | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Summary | geopandas.GeoDataFrame:
    """Find the landslides of a probability raster; geometry and attributes are those of `landslide_cli.detect`.

    Args:
        probability: Raster that `detect` has written, or one band of floating-point numbers from 0 to 1.
        out: Inventory to write: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``; ``.csv``,
            ``.kml`` or ``.pmtiles`` for other programs. None writes nothing.
        rules: What counts as a landslide, and how its polygon is drawn; threshold and smallest area are
            those of the raster's run by default.
        spread: Raster of the spread that `detect` has written in the same run, for the attribute ``prob_spread``.
        overwrite: Replace an output that exists.
        on_progress: Called after each strip with the pixels done and in all.

    Returns:
        What was found, in numbers. Without ``out`` the landslides themselves, as `landslide_cli.detect` gives them.

    Raises:
        LandslideError: with a message that says what to do; no output is written then.
    """
    if out is None:
        with TemporaryDirectory(prefix="landslide-") as folder:
            place = Path(folder) / "landslides.gpkg"
            polygonize(probability, place, rules=rules, spread=spread, on_progress=on_progress)
            return read_inventory(place)
    started = datetime.now(UTC)
    outputs = out if isinstance(out, Outputs) else Outputs(Path(out))
    files = outputs.claim(probability, spread, rules.dem, rules.before, overwrite=overwrite)
    with ExitStack() as opened:
        mosaic, measurer = opened.enter_context(_opened(probability, rules, spread))
        before = opened.enter_context(_before(mosaic, measurer.rules))
        places = opened.enter_context(files.staged())
        if spread is None and mosaic.tags.get("LANDSLIDE_TTA", "none") != "none":
            log.info("prob_spread is left out; give the spread raster of the same run with --spread to have it")
        scene = mosaic.tags.get("LANDSLIDE_SCENE", mosaic.name)
        told = outputs.command, config_text(measurer.rules)
        job = Job(scene, mosaic.width, mosaic.height, mosaic.ground.crs, started, *told)
        tags = _provenance(mosaic, measurer) | before_tags(rules, before)
        inventory = InventoryWriter(
            places[outputs.inventory], measurer=measurer, job=job, provenance=tags, spread=spread is not None
        )
        collector = Collector(inventory, mosaic.width, before)
        for strip in mosaic.strips(on_progress):
            collector.add(strip)
        collector.close()
        if collector.analysed_px == 0:
            raise ProbabilityError(
                f"{probability} is nodata everywhere, so nothing was analysed; detect its scene anew"
            )
        inventory.close()
    return summary_of(collector, scene=scene, out=str(outputs.inventory), probability=name_of(probability))


@contextmanager
def _opened(
    probability: str | Path, rules: PolygonRules, spread: str | Path | None = None
) -> Iterator[tuple[Mosaic, Measurer]]:
    """A probability raster, and what makes its polygons by rules whose threshold is decided."""
    with open_mosaic(probability, spread=spread, cache_bytes=CACHE_BYTES) as mosaic:
        if mosaic.ground.crs is None:
            warn_without_crs(mosaic.src.name)
        smallest = float(mosaic.tags.get("LANDSLIDE_MIN_AREA_M2", 0))
        rules = rules.with_threshold(rules.threshold or _threshold(mosaic), smallest)
        with open_measurer(rules, mosaic.ground, mosaic.src.shape) as measurer:
            yield mosaic, measurer


def _threshold(mosaic: Mosaic) -> float:
    if "LANDSLIDE_THRESHOLD" not in mosaic.tags:
        raise ProbabilityError(f"{mosaic.src.name} doesn't tell the threshold of its run; give one with --threshold")
    try:
        threshold = float(mosaic.tags["LANDSLIDE_THRESHOLD"])
    except ValueError:
        threshold = math.nan
    if not 0 < threshold <= 1:
        raise ProbabilityError(f"{mosaic.src.name} tells a threshold that is none; give one with --threshold")
    return threshold


def _provenance(mosaic: Mosaic, measurer: Measurer) -> dict[str, str]:
    """That of the raster, but for what has been decided anew."""
    rules = measurer.rules
    anew = {
        "LANDSLIDE_VERSION": __version__, "LANDSLIDE_THRESHOLD": f"{rules.threshold:g}",
        "LANDSLIDE_MIN_AREA_M2": f"{rules.smallest_m2:g}",
    }  # fmt: skip
    kept = {name: value for name, value in mosaic.tags.items() if name not in (*TERRAIN_TAGS, *BEFORE_TAGS)}
    return kept | anew | terrain_tags(measurer)


@contextmanager
def _before(mosaic: Mosaic, rules: PolygonRules) -> Iterator[Regridded | None]:
    """The probability before on the grid of a raster, where the rules name it."""
    if rules.before is None:
        yield None
        return
    if not is_probability(rules.before):
        raise ProbabilityError(
            f"{rules.before} is no probability raster, and polygonize asks no network; write one of it first: "
            f"landslide detect {shlex.quote(name_of(rules.before))} -o before.gpkg --probability before_prob.tif"
        )
    cache = CACHE_BYTES + 2 * ROWS_AT_ONCE * mosaic.width
    with on_grid(rules.before, rules, mosaic, cache) as before:
        warn_of_another_model(rules.before, before.tags, mosaic.tags)
        yield before


@dataclass(frozen=True, slots=True)
class Row:
    """One threshold of the table."""

    threshold: float
    """Probability from which a pixel counts as landslide."""
    landslides: int
    """Number of polygons."""
    flat: int | None
    """Polygons that were dropped because the ground is too flat; None without an elevation model."""
    area_m2: float | None
    """Their area together; None without a CRS."""


def table(
    probability: str | Path, *, rules: PolygonRules = PolygonRules(), on_progress: OnProgress | None = None
) -> list[Row]:
    """Number and area of the landslides at the thresholds 0.1, 0.2, … 0.9, as `polygonize` would write them.

    The raster is read once for all of them, and of the polygons only their area is measured.

    Args:
        probability: As for `polygonize`.
        rules: As for `polygonize`, but for the threshold.
        on_progress: As for `polygonize`.

    Raises:
        LandslideError: with a message that says what to do.
    """
    with _opened(probability, replace(rules, threshold=THRESHOLDS[0])) as (mosaic, measurer):
        measurers = [replace(measurer, rules=replace(measurer.rules, threshold=threshold)) for threshold in THRESHOLDS]
        counters = [_Counter(one, mosaic.width) for one in measurers]
        for strip in mosaic.strips(on_progress):
            analysed = strip.stored != NODATA
            for counter in counters:
                counter.add(strip.stored, analysed)
        return [counter.close() for counter in counters]


class _Counter:
    """Counts the landslides of one threshold."""

    def __init__(self, measurer: Measurer, width: int) -> None:
        self._measurer = measurer
        self._lowest = measurer.rules.lowest_stored
        self._polygonizer = landslide_polygonizer(width, measurer)
        self._needs_values = measurer.rules.outline_level is not None
        self._landslides, self._flat = 0, 0
        self._area_m2 = 0.0 if measurer.ground.measurable else np.nan

    def add(self, stored: Bytes, analysed: Bools) -> None:
        landslide = analysed & (stored >= self._lowest)
        self._count(self._polygonizer.feed(landslide, stored if self._needs_values else None))

    def close(self) -> Row:
        self._count(self._polygonizer.close())
        flat = self._flat if self._measurer.terrain else None
        threshold = self._measurer.rules.threshold
        assert threshold is not None
        return Row(threshold, self._landslides, flat, nan_as_none(self._area_m2))

    def _count(self, finished: Finished) -> None:
        found = self._measurer.sieve(finished.geometry)
        self._landslides += len(found.placed)
        self._flat += found.flat
        # The inventory adds up what it writes, and that is rounded.
        self._area_m2 += float(np.round(found.columns["area_m2"], 2).sum())
