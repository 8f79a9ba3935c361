"""From a probability raster to the inventory that `detect` would have written with another threshold."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslide_cli._version import __version__
from landslide_cli.detection.outputs import TERRAIN_TAGS, Outputs, known, terrain_tags
from landslide_cli.errors import ProbabilityError
from landslide_cli.files import staged
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.rules import Shaping
from landslide_cli.inventory.terrain import CACHE_BYTES, Terrain, open_terrain
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.mosaic.encoding import DEFAULT_BOUNDARY, NODATA, Boundary, outline_level, stored_threshold
from landslide_cli.mosaic.reading import Mosaic, OnRows, open_mosaic
from landslide_cli.polygons import Finished, StreamingPolygonizer

log = logging.getLogger(__name__)
THRESHOLDS = tuple(step / 10 for step in range(1, 10))


@dataclass(frozen=True, slots=True)
class Polygonized:
    """What was found.

    Attributes:
        probability: The raster.
        out: The inventory.
        model: Model id, if the raster tells it.
        threshold: Probability from which a pixel counted as landslide.
        landslides: Number of polygons.
        flat: Polygons that were dropped because the ground is too flat; None without an elevation model.
        area_m2: Their area together; None without a CRS.
        analysed_m2: Area that the network has looked at; None without a CRS.
        analysed_share: The same as a part of the raster's pixels.
        bounds: West, south, east, north of the landslides in degrees, west larger than east across the antimeridian
            (RFC 7946, section 5.2); None if there are none or no CRS.
    """

    probability: str
    out: str
    model: str
    threshold: float
    landslides: int
    flat: int | None
    area_m2: float | None
    analysed_m2: float | None
    analysed_share: float
    bounds: tuple[float, float, float, float] | None


def polygonize(
    probability: str | Path,
    out: str | Path,
    *,
    threshold: float | None = None,
    min_area: float = 0.0,
    fill_holes: float = 0.0,
    simplify: float = 0.0,
    connectivity: int = 4,
    boundary: Boundary = DEFAULT_BOUNDARY,
    dem: str | Path | None = None,
    min_slope: float = 0.0,
    spread: str | Path | None = None,
    overwrite: bool = False,
    command: str | None = None,
    on_progress: OnRows | None = None,
) -> Polygonized:
    """Write the landslides of a probability raster; geometry and attributes are those of `landslide_cli.detect`.

    Args:
        probability: Raster that ``detect(probability=...)`` has written, or floating-point numbers from 0 to 1.
        out: Inventory to write: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``.
        threshold: Probability from which a pixel counts as landslide; by default that of the raster's run.
        min_area: Smallest landslide in m².
        fill_holes: Holes up to this many m² are filled.
        simplify: Metres by which outlines may move to lose vertices.
        connectivity: 4, or 8 to join pixels that touch at a corner.
        boundary: ``pixel`` for outlines along the edges of pixels, ``smooth`` for such that follow the probability.
        dem: Elevation model, in any CRS and resolution, to measure height, slope and aspect by.
        min_slope: Landslides with a smaller mean slope in degrees are dropped; needs ``dem``.
        spread: Raster that ``detect(spread=...)`` has written in the same run, for the attribute ``prob_spread``.
        overwrite: Replace an output that exists.
        command: Command line to note in the layer ``runs``.
        on_progress: Called after each strip with the pixels done and in all.

    Raises:
        LandslideError: with a message that says what to do; no output is written then.
    """
    started = datetime.now(UTC)
    outputs = Outputs(Path(out))
    outputs.refuse(probability, spread, dem, overwrite=overwrite)
    shaping = Shaping(min_area, fill_holes, simplify)
    with ExitStack() as stages:
        mosaic, terrain = stages.enter_context(_opened(probability, spread=spread, dem=dem, min_slope_deg=min_slope))
        chosen = _threshold(mosaic, threshold)
        if spread is None and mosaic.tags.get("LANDSLIDE_TTA", "none") != "none":
            log.info("prob_spread is left out; give the spread raster of the same run with --spread to have it")
        model, resolution_m = mosaic.tags.get("LANDSLIDE_MODEL", "unknown"), mosaic.tags.get("LANDSLIDE_RESOLUTION_M")
        inventory = InventoryWriter(
            stages.enter_context(staged(outputs.inventory)),
            measurer=Measurer(mosaic.ground, shaping, terrain),
            job=Job(
                mosaic.tags.get("LANDSLIDE_SCENE", mosaic.name),
                mosaic.width,
                mosaic.height,
                mosaic.ground.crs,
                started,
                command,
            ),
            model=model,
            resolution_m=float(resolution_m) if resolution_m else None,
            multi=connectivity == 8,
            spread=spread is not None,
            provenance=_provenance(mosaic, chosen) | terrain_tags(terrain),
        )
        collector = Collector(
            inventory,
            width=mosaic.width,
            threshold=chosen,
            connectivity=connectivity,
            sieve_px=shaping.sieve_px(mosaic.ground.pixel_m),
            spread=spread is not None,
            boundary=boundary,
        )
        for strip in mosaic.strips(on_progress):
            collector.add(strip)
        collector.close()
        if collector.known == 0:
            raise ProbabilityError(
                f"{probability} is nodata everywhere, so nothing was analysed; detect its scene anew"
            )
        inventory.close()
    return Polygonized(
        probability=str(probability),
        out=str(out),
        model=model,
        threshold=chosen,
        landslides=inventory.count,
        flat=inventory.flat if terrain else None,
        area_m2=known(inventory.area_m2) if mosaic.ground.crs else None,
        analysed_m2=known(inventory.analysed_m2),
        analysed_share=collector.known / (mosaic.height * mosaic.width),
        bounds=inventory.bounds,
    )


@contextmanager
def _opened(
    probability: str | Path, *, spread: str | Path | None = None, dem: str | Path | None, min_slope_deg: float
) -> Iterator[tuple[Mosaic, Terrain | None]]:
    """A probability raster, and the elevation model to measure its polygons by."""
    with (
        open_mosaic(probability, spread=spread, cache_bytes=CACHE_BYTES) as mosaic,
        open_terrain(dem, scene=mosaic.ground, size=mosaic.src.shape, min_slope_deg=min_slope_deg) as terrain,
    ):
        yield mosaic, terrain


def _threshold(mosaic: Mosaic, threshold: float | None) -> float:
    if threshold is not None:
        return threshold
    if "LANDSLIDE_THRESHOLD" not in mosaic.tags:
        raise ProbabilityError(f"{mosaic.src.name} doesn't tell the threshold of its run; give one with --threshold")
    return float(mosaic.tags["LANDSLIDE_THRESHOLD"])


def _provenance(mosaic: Mosaic, threshold: float) -> dict[str, str]:
    """That of the raster, but for what has been decided anew."""
    anew = {"LANDSLIDE_VERSION": __version__, "LANDSLIDE_THRESHOLD": f"{threshold:g}"}
    before = {name: value for name, value in mosaic.tags.items() if name not in TERRAIN_TAGS}
    return before | anew


@dataclass(frozen=True, slots=True)
class Row:
    """One threshold of the table.

    Attributes:
        threshold: Probability from which a pixel counts as landslide.
        landslides: Number of polygons.
        flat: Polygons that were dropped because the ground is too flat; None without an elevation model.
        area_m2: Their area together; None without a CRS.
    """

    threshold: float
    landslides: int
    flat: int | None
    area_m2: float | None


def table(
    probability: str | Path,
    *,
    min_area: float = 0.0,
    fill_holes: float = 0.0,
    simplify: float = 0.0,
    connectivity: int = 4,
    boundary: Boundary = DEFAULT_BOUNDARY,
    dem: str | Path | None = None,
    min_slope: float = 0.0,
    on_progress: OnRows | None = None,
) -> list[Row]:
    """Number and area of the landslides at the thresholds 0.1, 0.2, … 0.9, as `polygonize` would write them.

    The raster is read once for all of them, and of the polygons only their area is measured; see `polygonize`
    for the arguments.

    Raises:
        LandslideError: with a message that says what to do.
    """
    with _opened(probability, dem=dem, min_slope_deg=min_slope) as (mosaic, terrain):
        measurer = Measurer(mosaic.ground, Shaping(min_area, fill_holes, simplify), terrain)
        counters = [_Counter(threshold, mosaic, measurer, connectivity, boundary) for threshold in THRESHOLDS]
        for strip in mosaic.strips(on_progress):
            analysed = strip.stored != NODATA
            for counter in counters:
                counter.add(strip.stored, analysed)
        return [counter.close() for counter in counters]


class _Counter:
    """Counts the landslides of one threshold."""

    def __init__(
        self, threshold: float, mosaic: Mosaic, measurer: Measurer, connectivity: int, boundary: Boundary
    ) -> None:
        self._threshold = threshold
        self._lowest = stored_threshold(threshold)
        self._measurer = measurer
        self._polygonizer = StreamingPolygonizer(
            mosaic.width, connectivity=connectivity, min_pixels=measurer.shaping.sieve_px(mosaic.ground.pixel_m),
            level=outline_level(threshold, boundary),
        )  # fmt: skip
        self._needs_values = boundary == "smooth"
        self._landslides, self._flat = 0, 0
        self._area_m2 = 0.0 if mosaic.ground.on_earth else np.nan

    def add(self, stored: NDArray[np.uint8], analysed: NDArray[np.bool_]) -> None:
        landslide = analysed & (stored >= self._lowest)
        self._count(self._polygonizer.feed(landslide, stored if self._needs_values else None))

    def close(self) -> Row:
        self._count(self._polygonizer.close())
        flat = self._flat if self._measurer.terrain else None
        return Row(self._threshold, self._landslides, flat, known(self._area_m2))

    def _count(self, finished: Finished) -> None:
        found = self._measurer.sieve(finished.geometry)
        self._landslides += len(found.placed)
        self._flat += found.flat
        # The inventory adds up what it writes, and that is rounded.
        self._area_m2 += float(np.round(found.columns["area_m2"], 2).sum())
