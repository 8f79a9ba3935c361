"""``landslide merge``: one inventory of many, with one record for each landslide."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import shapely

from landslide_cli._version import __version__
from landslide_cli.errors import InventoryError, OutputError, refuse_unless, shown
from landslide_cli.files import FileSet
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.footprints import Edge
from landslide_cli.inventory.geopackage import store_styles, without_traces
from landslide_cli.merging.groups import DOUBLES, Doubles
from landslide_cli.merging.layers import LandslideLayer, write_analysed, write_footprints, write_runs
from landslide_cli.merging.pairs import GAP_PX, find_pairs
from landslide_cli.merging.parts import Part
from landslide_cli.merging.placing import Placing, common_crs
from landslide_cli.merging.records import Records, group, make_records
from landslide_cli.merging.scenes import Scenes, find_scenes
from landslide_cli.merging.stock import Stock, read_stock
from landslide_cli.typing import Geometries, OnNote

log = logging.getLogger(__name__)

# Half of a gap on each side closes it, and a little more makes up for rounding.
GROWN = 0.51


@dataclass(frozen=True, slots=True)
class Merged:
    """The content of a merged inventory, in numbers."""

    landslides: int
    """Landslides, without those that a reviewer rejected."""
    rejected: int
    """Those that a reviewer rejected; they are kept as such."""
    area_m2: float | None
    """Area of all landslides together, ground that several cover counted once; None without a CRS."""
    analysed_m2: float | None
    """Area of what was analysed, ground that several scenes cover counted once; None without a CRS."""
    scenes: int
    """Scenes that it holds."""
    doubles: int
    """Records that tell of a landslide that another one stands for: replaced, joined with it, or marked."""
    joined: int
    """Landslides whose outline was put together of several, such as halves that the edge of a scene had cut."""
    contested: int
    """Landslides that no more than half of the scenes saw that looked there."""
    overlapping: int
    """Landslides that overlap another one by less than would make them one."""
    crs: str | None
    """Coordinate reference system; None if no scene has one."""
    left_out: tuple[str, ...]
    """Inventories without a CRS, where others have one."""


def merge(
    inventories: Sequence[str | Path],
    out: str | Path,
    *,
    doubles: Doubles = "best",
    crs: str | None = None,
    overwrite: bool = False,
    on_progress: OnNote | None = None,
) -> Merged:
    """Write one inventory of many: one record for each landslide, whoever saw it.

    Args:
        inventories: GeoPackages of `landslide_cli.detect`, `landslide_cli.run_batch` or this function, also such that
            people have edited.
        out: GeoPackage to write.
        doubles: What stands for landslides of different scenes that are one: the ``best``, their ``union``, or all of
            them, ``keep``, which marks them.
        crs: Coordinate reference system of the result; that of most inventories by default.
        overwrite: Replace an output that exists.
        on_progress: Called with what is done, what there is in all, and words.

    Raises:
        OptionError: ``doubles`` is none of the three.
        InventoryError: an inventory can't be read, or is named twice.
        OutputError: the output can't be written.
    """
    parts, out = [Part(Path(path)) for path in inventories], Path(out)
    if out.suffix.lower() != ".gpkg":
        raise OutputError(f"{out}: a merged inventory is a GeoPackage; let the name end in .gpkg")
    if not parts:
        raise InventoryError("no inventory is named; name the GeoPackages to merge")
    known: set[str] = set()
    for part in parts:
        name = os.path.realpath(part.path)
        if name in known:
            raise InventoryError(f"{part.path} is named twice; name each inventory once")
        known.add(name)
    files = FileSet([out], overwrite=overwrite, inputs=[part.path for part in parts])
    with files.staged() as places:
        return merge_parts(parts, places[out], doubles=doubles, crs=crs, on_note=on_progress)


def merge_parts(
    parts: Sequence[Part],
    place: Path,
    *,
    doubles: Doubles = "best",
    crs: str | None = None,
    tags: Mapping[str, str] | None = None,
    on_note: OnNote | None = None,
) -> Merged:
    """The same for parts that are known, into a file that has no name yet.

    Args:
        parts: The inventories.
        place: GeoPackage to write.
        doubles: See `merge`.
        crs: See `merge`.
        tags: Provenance; what all parts share by default.
        on_note: ``on_progress`` of `merge`.

    Raises:
        LandslideError: see `merge`.
    """
    refuse_unless(doubles in DOUBLES, "doubles", doubles, "give best, union or keep")
    with without_traces():
        target = common_crs([part.crs for part in parts], crs)
        kept = [part for part in parts if target is None or part.crs is not None]
        placing = Placing(target)
        scenes = find_scenes(kept, placing)
        _tell_silence(kept, scenes)
        spool = place.with_name("outlines.wkb")
        try:
            stock = read_stock(kept, scenes, placing, spool, on_note)
            pairs = find_pairs(stock, scenes.footprints, on_note)
            groups = group(stock, scenes, pairs, "best" if doubles == "keep" else doubles)
            together = _together(scenes)
            keep = doubles == "keep"
            records = make_records(stock, scenes, pairs, groups, _edge(stock, scenes), target, keep=keep)
            told = _shared_tags(kept) if tags is None else tags
            layer = LandslideLayer(place, stock, records, scenes, target, told)
            layer.write(kept, on_note)
        finally:
            spool.unlink(missing_ok=True)
        analysed_m2 = write_analysed(place, together, scenes, target)
        write_footprints(place, kept, scenes, target)
        write_runs(place, kept, scenes)
        store_styles(place, Confidence.told(told))
    left_out = tuple(part.name or part.path.name for part in parts if part not in kept)
    return _summary(stock, scenes, records, analysed_m2, target, left_out)


def _together(scenes: Scenes) -> Geometries:
    """What was analysed by all scenes together: single polygons that don't overlap."""
    parts: Geometries = shapely.get_parts(shapely.union_all(scenes.footprints.outlines))
    return shapely.orient_polygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def _edge(stock: Stock, scenes: Scenes) -> Edge:
    """The border of the same, but for gaps between scenes whose grids don't fit."""
    outlines = scenes.footprints.outlines
    gap = GAP_PX * stock.pixel_of_scenes(len(scenes.names))[scenes.footprints.scenes]
    grown = shapely.buffer(outlines, GROWN * gap, join_style="mitre", cap_style="square")
    return Edge(np.array([shapely.union_all(grown)], dtype=object))


def _tell_silence(parts: Sequence[Part], scenes: Scenes) -> None:
    for number in sorted(scenes.silent):
        log.info(
            "%s doesn't tell where it looked (it has no layer analysed), so what its edges cut isn't joined, and "
            "analysed_by counts it only where it saw something",
            shown(scenes.names[number]),
        )


def _shared_tags(parts: Sequence[Part]) -> dict[str, str]:
    """Provenance that is the same in all parts."""
    first, *others = [part.tags for part in parts]
    shared = {name: text for name, text in first.items() if all(other.get(name) == text for other in others)}
    return shared | {"LANDSLIDE_VERSION": __version__}


def _summary(
    stock: Stock, scenes: Scenes, records: Records, analysed_m2: float, crs: pyproj.CRS | None,
    left_out: tuple[str, ...],
) -> Merged:  # fmt: skip
    groups, rejected = records.groups, stock.rows["rejected"][records.groups.leads]
    leads = np.searchsorted(records.rows, groups.leads)
    seen = np.array([len(records.scenes[place]) for place in leads])
    halves = np.bincount(groups.lead[groups.stays], minlength=1)
    return Merged(
        landslides=int((~rejected).sum()),
        rejected=int(rejected.sum()),
        area_m2=records.area_m2 if crs is not None and math.isfinite(records.area_m2) else None,
        analysed_m2=analysed_m2 if crs is not None and math.isfinite(analysed_m2) else None,
        scenes=len(scenes.names),
        doubles=len(stock.rows) - len(groups.leads),
        joined=int((halves > 1).sum()),
        contested=int((~rejected & (2 * seen <= records.analysed_by[leads])).sum()),
        overlapping=int((records.overlaps > 0).sum()),
        crs=crs.to_string() if crs is not None else None,
        left_out=left_out,
    )
