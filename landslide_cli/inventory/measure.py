"""An inventory that a person has edited, or made of nothing, with all that is measured of it."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyproj
from affine import Affine
from rasterio.crs import CRS

from landslide_cli.errors import InventoryError, NoCRSWarning
from landslide_cli.files import FileSet
from landslide_cli.files.belonging import leaving_no_traces
from landslide_cli.files.geopackage import foreign_layers, is_held
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.decisions import read_decisions
from landslide_cli.inventory.filling import Filled, Measure, Sources, filled
from landslide_cli.inventory.formats import refuse_unknown_ending
from landslide_cli.inventory.geopackage import styles_beside
from landslide_cli.inventory.pixels import Raster
from landslide_cli.inventory.rows import GPKG, Rows, read_rows, write_rows
from landslide_cli.inventory.terrain import open_terrain
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.mosaic.reading import open_mosaic
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.placing import ground_in
from landslide_cli.scene.scene import open_scene
from landslide_cli.scene.vectors import UnreadableError, reprojected
from landslide_cli.typing import Bytes, Float64, Geometries, OnNote

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The changes that were made to an inventory, in numbers."""

    out: str
    """The inventory that was written."""
    reshaped: int
    """Polygons whose outline had changed since they were measured."""
    drawn: int
    """Polygons that nothing had been measured of."""
    without_polygon: int
    """Rows without a polygon; they stay in a GeoPackage, and other formats are written without them."""
    unchanged: int
    """Polygons that stayed as they were."""
    crossing: int
    """Polygons that cross themselves, and were measured as the areas that they enclose."""
    renumbered: int
    """Polygons that had no number, or that of another one, such as the halves of one that was split."""
    decided: int
    """Landslides whose status came from a file of decisions."""
    unprobed: int
    """Polygons that were changed and whose probability isn't known."""
    area_m2: float | None
    """Area of all polygons together; None without a CRS."""


def measure(
    inventory: str | Path,
    out: str | Path | None = None,
    *,
    scene: str | Path | None = None,
    probability: str | Path | None = None,
    dem: str | Path | None = None,
    decisions: str | Path | None = None,
    overwrite: bool = False,
    on_progress: OnNote | None = None,
) -> Measurement:
    """Measure what a person has drawn and reshaped in an inventory, and keep what the person wrote.

    Args:
        inventory: A GeoPackage, shapefile, GeoJSON, FlatGeobuf or GeoParquet of `landslide_cli.detect`, or any other
            file with a layer of polygons.
        out: Inventory to write, in the format of its ending. None writes into ``inventory`` itself; every layer,
            column and style of a GeoPackage stays.
        scene: The scene: tells the name for polygons that have none, how many pixels they have, and whether they are
            cut by its border.
        probability: Probability raster of that run, to measure probabilities by. Without it those of a polygon that was
            changed become null.
        dem: Elevation model, to measure height, slope and aspect by. Without it those of a polygon that was changed
            become null.
        decisions: CSV or GeoJSON with the columns ``id``, ``status``, ``note``, ``reviewer`` and ``reviewed_at``, whose
            values are written into the inventory.
        overwrite: Replace ``out`` if it exists.
        on_progress: Called with the landslides measured by a raster, those in all, and words.

    Raises:
        LandslideError: with a message that says what to do; nothing is written then.
    """
    source = Path(inventory)
    if not source.is_file():
        raise InventoryError(f"{source}: there is no such file; give an inventory, or any file with polygons")
    target = source if out is None else Path(out)
    refuse_unknown_ending(target)
    inputs = [scene, probability, dem, decisions, *([source] if target != source else [])]
    here = target.resolve() == source.resolve()
    styles = styles_beside(target)
    # Somebody's own style of the file that is measured stays.
    styled = bool(styles) and not (here and any(style.exists() for style in styles))
    files = _claim(target, [target, *styles] if styled else [target], inputs, here=here, overwrite=overwrite)
    said = None if decisions is None else read_decisions(Path(decisions))
    with leaving_no_traces([*inputs, source]), files.staged() as places:
        rows = read_rows(source, places[target], here=here)
        with _sources(rows, scene, probability, dem) as sources:
            found = filled(rows.frame, sources, on_progress)
        decided = 0
        if said is not None:
            decided = _take_over(found, *said.fitted(found.table), said.path)
        write_rows(rows, found, places[target], styled=styled)
    _note(found)
    edited, area = found.edited, float(found.table.loc[found.edited.there, "area_m2"].sum(skipna=False))
    return Measurement(
        out=str(target),
        reshaped=int(edited.reshaped.sum()),
        drawn=int(edited.drawn.sum()),
        without_polygon=int((~edited.there).sum()),
        unchanged=int((edited.there & ~edited.changed).sum()),
        crossing=int(edited.mended.sum()),
        renumbered=found.renumbered,
        decided=decided,
        unprobed=found.unprobed,
        area_m2=area if math.isfinite(area) else None,
    )


def _claim(
    target: Path, written: list[Path], inputs: list[str | Path | None], *, here: bool, overwrite: bool
) -> FileSet:
    """Decide whether the files can be written; whoever measures in place keeps all that others have in the file."""
    layers = []
    if here and target.suffix.lower() == GPKG and not is_held(target):
        layers = foreign_layers(target)
    return FileSet(written, overwrite=overwrite or here, inputs=inputs, layers=layers)


@contextmanager
def _sources(
    rows: Rows, scene: str | Path | None, probability: str | Path | None, dem: str | Path | None
) -> Iterator[Sources]:
    """Open all that is there to measure by."""
    with ExitStack() as stack:
        name, crs, pixels = None, rows.frame.crs, None
        if scene is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoCRSWarning)  # what can't be measured is told
                opened = stack.enter_context(open_scene(scene, wanted=("any",)))
            name, crs = opened.name, crs or _as_pyproj(opened.crs)
            pixels = Raster(
                lambda window: _validity(opened.data.anywhere(window)), opened.transform, opened.height, opened.width,
                probability=False,
            ), opened.crs  # fmt: skip
        if probability is not None:
            mosaic = stack.enter_context(open_mosaic(probability))
            name, crs = name or mosaic.tags.get("LANDSLIDE_SCENE"), crs or _as_pyproj(mosaic.ground.crs)
            transform = mosaic.ground.transform
            raster = Raster(mosaic.window, transform, mosaic.height, mosaic.width, probability=True)
            pixels = raster, mosaic.ground.crs
        ground = ground_in(crs)
        terrain = None
        if dem is not None and np.isfinite(rows.frame.total_bounds).all():
            around, size = _around(rows.frame, ground)
            terrain = stack.enter_context(open_terrain(dem, scene=around, size=size)).measure
        yield Sources(
            ground=ground,
            confidence=Confidence.told(rows.tags),
            coarse=rows.coarse,
            scene=name or rows.scene,
            pixels=None if pixels is None else _measuring(*pixels, crs=crs),
            terrain=terrain,
        )


def _as_pyproj(crs: CRS | None) -> pyproj.CRS | None:
    return None if crs is None else pyproj.CRS.from_user_input(crs)


def _validity(valid: np.ndarray) -> Bytes:
    return np.where(valid, np.uint8(0), np.uint8(NODATA))


def _measuring(raster: Raster, where: CRS | None, *, crs: pyproj.CRS | None) -> Measure:
    """Measures polygons of a CRS by a raster that may have another."""

    def measured(outlines: Geometries) -> dict[str, Float64]:
        try:
            placed = reprojected(geopandas.GeoDataFrame(geometry=list(outlines), crs=crs), where)
        except UnreadableError as error:
            raise InventoryError(f"the polygons can't be laid over the raster: {error}") from error
        return raster.measure(placed.geometry.to_numpy())

    return measured


def _around(frame: geopandas.GeoDataFrame, ground: Ground) -> tuple[Ground, tuple[int, int]]:
    """The ground of a raster of one pixel around all polygons, and its size."""
    left, bottom, right, top = frame.total_bounds
    return Ground(Affine(max(right - left, 1e-9), 0, left, 0, min(bottom - top, -1e-9), top), ground.crs), (1, 1)


def _take_over(found: Filled, rows: pd.DataFrame, strangers: list[int], path: Path) -> int:
    """Write decisions into the table; give how many there were."""
    for name in rows:
        told = rows[name].dropna()
        found.table.loc[told.index, name] = told
    if strangers:
        some = ", ".join(map(str, strangers[:5])) + (", …" if len(strangers) > 5 else "")
        log.info("%s: %d of the landslides aren't in the inventory any more: %s", path, len(strangers), some)
    return int(rows["status"].notna().sum())


def _note(found: Filled) -> None:
    """What a person should know of the polygons."""
    edited = found.edited
    if crossing := int(edited.mended.sum()):
        log.info("%d cross themselves and were measured as the areas that they enclose", crossing)
    if found.renumbered:
        log.info("%d had the number of another one, or none, and got new ones", found.renumbered)
    if found.strange:
        log.info("unknown in status: %s", ", ".join(map(repr, found.strange[:5])))
    if found.unprobed:
        log.info("the probability of %d that were changed isn't known; give --probability TIF", found.unprobed)
