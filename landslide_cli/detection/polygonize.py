"""From a probability raster to the inventory that `detect` would have written with another threshold."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from landslide_cli._version import __version__
from landslide_cli.detection.outputs import TERRAIN_TAGS, Outputs, known, terrain_tags
from landslide_cli.errors import ProbabilityError
from landslide_cli.files import staged
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.provenance import Job
from landslide_cli.inventory.rules import Shaping
from landslide_cli.inventory.writer import InventoryWriter
from landslide_cli.mosaic.blend import DEFAULT_BOUNDARY, Boundary
from landslide_cli.mosaic.reading import Mosaic, OnRows, open_mosaic

log = logging.getLogger(__name__)


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
    with open_mosaic(probability, spread=spread, dem=dem, min_slope_deg=min_slope) as mosaic, ExitStack() as stages:
        chosen = _threshold(mosaic, threshold)
        if spread is None and mosaic.tags.get("LANDSLIDE_TTA", "none") != "none":
            log.info("prob_spread is left out; give the spread raster of the same run with --spread to have it")
        model, resolution_m = mosaic.tags.get("LANDSLIDE_MODEL", "unknown"), mosaic.tags.get("LANDSLIDE_RESOLUTION_M")
        inventory = InventoryWriter(
            stages.enter_context(staged(outputs.inventory)),
            measurer=Measurer(mosaic.ground, shaping, mosaic.terrain),
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
            provenance=_provenance(mosaic, chosen),
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
        flat=inventory.flat if mosaic.terrain else None,
        area_m2=known(inventory.area_m2) if mosaic.ground.crs else None,
        analysed_m2=known(inventory.analysed_m2),
        analysed_share=collector.known / (mosaic.height * mosaic.width),
        bounds=inventory.bounds,
    )


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
    return before | anew | terrain_tags(mosaic.terrain)
