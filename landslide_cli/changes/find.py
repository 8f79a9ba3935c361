"""``landslide changes``: what became of each landslide from one inventory to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyogrio
import pyproj
import shapely

from landslide_cli._version import __version__
from landslide_cli.changes.match import CLASSES, Change, find, totals
from landslide_cli.changes.rules import ChangeRules
from landslide_cli.changes.sides import Side, read_sides
from landslide_cli.errors import InventoryError, OutputError
from landslide_cli.files import FileSet
from landslide_cli.inventory.geopackage import append, store_styles, unsynced, without_traces
from landslide_cli.typing import OnNote

_TYPES: dict[str, Any] = {
    "id": "int64", "change": "str", "outline": "str", "area_old_m2": "float64", "area_new_m2": "float64",
    "ratio": "float64", "iou": "float64", "n_old": "int32", "n_new": "int32", "ids_old": "str", "ids_new": "str",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassOfChange:
    """The landslides of one class, in numbers."""

    change: str
    """new, grown, known, shrunk, gone or not analysed."""
    landslides: int
    """How many."""
    area_old_m2: float | None
    """Their area in the old inventory; None where that tells none."""
    area_new_m2: float | None
    """Their area in the new one; None where that tells none."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference of two inventories, in numbers."""

    out: str
    """The file that was written."""
    old: int
    """Landslides in the old inventory, without those that a reviewer rejected."""
    new: int
    """The same in the new one."""
    old_tells: bool
    """Whether the old inventory tells where it looked; if not, it is taken to have looked everywhere."""
    new_tells: bool
    """The same of the new one."""
    crs: str | None
    """Coordinate reference system of the file."""
    classes: tuple[ClassOfChange, ...]
    """Each class, always all of them."""


def find_changes(
    old: str | Path,
    new: str | Path,
    out: str | Path,
    *,
    rules: ChangeRules = ChangeRules(),
    crs: str | None = None,
    overwrite: bool = False,
    on_progress: OnNote | None = None,
) -> Changes:
    """Write what became of each landslide from an old inventory to a new one.

    Either may be of anyone: polygons or points, in any vector format and CRS.

    Args:
        old: The old inventory.
        new: The new one.
        out: GeoPackage to write, with the layer ``changes`` of polygons and, if an inventory has points, ``points``.
        rules: When two landslides are the same, and when one has grown.
        crs: Coordinate reference system of the result; that of the new inventory by default.
        overwrite: Replace an output that exists.
        on_progress: Called after each of three steps with their number, 3, and words.

    Raises:
        InventoryError: an inventory can't be read, or they can't be compared.
        OutputError: the output can't be written.
    """
    old, new, out = Path(old), Path(new), Path(out)
    tell = on_progress or (lambda *_: None)
    if out.suffix.lower() != ".gpkg":
        raise OutputError(f"{out}: changes are written as a GeoPackage; let the name end in .gpkg")
    if old.resolve() == new.resolve():
        raise InventoryError(f"{old} is named twice; name an old and a new inventory")
    files = FileSet([out], overwrite=overwrite, inputs=[old, new])
    with without_traces(), files.staged() as places:
        before, after, target = read_sides(old, new, crs)
        tell(1, 3, f"{len(before.geometry)} and {len(after.geometry)} landslides read")
        found = find(before, after, target, rules)
        tell(2, 3, "compared")
        _write(places[out], found, before, after, target)
        tell(3, 3, "written")
    return Changes(
        out=str(out), old=len(before.geometry), new=len(after.geometry), old_tells=before.looked is not None,
        new_tells=after.looked is not None, crs=target.to_string() if target else None,
        classes=tuple(_class(found, change) for change in CLASSES),
    )  # fmt: skip


def _class(found: list[Change], change: str) -> ClassOfChange:
    count, areas = totals(found, change)
    before, after = (None if math.isnan(area) else float(area) for area in areas)
    return ClassOfChange(change, count, before, after)


def _write(place: Path, found: Sequence[Change], old: Side, new: Side, crs: pyproj.CRS | None) -> None:
    rows, outlines, spots, where = [], [], [], []
    for number, one in enumerate(found, 1):
        for name, side, members in (("old", old, one.old), ("new", new, one.new)):
            for row in members[side.points[members]]:
                for spot in shapely.get_parts(side.geometry[row]):
                    spots.append({"id": number, "change": one.change, "inventory": name, "id_there": side.ids[row]})
                    where.append(spot)
        polygons = [(n, s, m[~s.points[m]]) for n, s, m in (("new", new, one.new), ("old", old, one.old))]
        shown = next(((name, side, members) for name, side, members in polygons if len(members)), None)
        if shown is not None:
            name, side, members = shown
            rows.append(_row(number, one, old, new) | {"outline": name})
            outlines.append(shapely.union_all(side.geometry[members]))
    table = {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in _TYPES.items()}
    frame = geopandas.GeoDataFrame(table, geometry=outlines, crs=crs)
    append(place, "changes", frame, kind="MultiPolygon", mode="w", dataset_metadata={"LANDSLIDE_VERSION": __version__})
    if old.points.any() or new.points.any():
        points = geopandas.GeoDataFrame(spots, geometry=where, crs=crs)
        with unsynced():
            pyogrio.write_dataframe(points, place, layer="points", driver="GPKG", append=True)
    store_styles(place)


def _row(number: int, one: Change, old: Side, new: Side) -> dict[str, object]:
    def rounded(value: float | None, digits: int) -> float:
        return math.nan if value is None else round(value, digits)

    return {
        "id": number, "change": one.change, "area_old_m2": rounded(one.area_old_m2, 2),
        "area_new_m2": rounded(one.area_new_m2, 2), "ratio": rounded(one.ratio, 3), "iou": rounded(one.iou, 3),
        "n_old": len(one.old), "n_new": len(one.new), "ids_old": ", ".join(old.ids[row] for row in one.old),
        "ids_new": ", ".join(new.ids[row] for row in one.new),
    }  # fmt: skip
