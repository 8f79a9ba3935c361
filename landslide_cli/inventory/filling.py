"""The attributes of an edited inventory: what must be measured anew is, what a person wrote stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import geopandas
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landslide_cli.inventory.attributes import FIELDS, OF_BEFORE, PIXEL_FIELDS, completed, rounded
from landslide_cli.inventory.confidence import Confidence
from landslide_cli.inventory.edited import SHAPE, TERRAIN, Edited, column, compare, remeasured
from landslide_cli.inventory.neighbours import nearest_m
from landslide_cli.inventory.review import LANDSLIDE, STATUSES, UNREVIEWED, known_status
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bools, Float64, Geometries, OnNote

TEXTS = ("status", "confidence", "note", "reviewer", "reviewed_at", "scene", "model")
# Only there where somebody has asked for them.
ON_REQUEST = (*TERRAIN, *OF_BEFORE, "prob_spread")

TRUTH = dict.fromkeys(("true", "t", "1", "1.0"), 1.0) | dict.fromkeys(("false", "f", "0", "0.0"), 0.0)

Measure = Callable[[Geometries], dict[str, Float64]]

AT_ONCE = 256  # polygons, after which is told how far it is


@dataclass(frozen=True)
class Sources:
    """All that polygons are measured by.

    Attributes:
        ground: Where the coordinates lie.
        confidence: The classes of the model that found the landslides.
        coarse: Whether coordinates were rounded when they were written.
        scene: Name of the scene, for polygons that have none.
        pixels: Measures polygons by the pixels of a raster, if there is one.
        terrain: Measures them by an elevation model, if there is one.
    """

    ground: Ground
    confidence: Confidence
    coarse: bool = False
    scene: str | None = None
    pixels: Measure | None = None
    terrain: Measure | None = None


@dataclass
class Filled:
    """An inventory with all attributes.

    Attributes:
        edited: What was changed.
        table: The attributes in the order of `FIELDS`, by the index of the rows: float64 with NaN for null, or texts.
        renumbered: Rows that had no number, or that of another, and were measured before.
        strange: Statuses that aren't known, as they stand there.
    """

    edited: Edited
    table: pd.DataFrame
    renumbered: int = 0
    strange: list[str] = field(default_factory=list)

    @property
    def unprobed(self) -> int:
        """Polygons that were changed and whose probability isn't known."""
        return int((self.edited.changed & np.isnan(self.table["prob_mean"])).sum())


def filled(frame: geopandas.GeoDataFrame, sources: Sources, on_note: OnNote | None = None) -> Filled:
    """Measure what was drawn and what was reshaped, and fill in what is missing.

    Args:
        frame: All rows of an inventory, or of any layer of polygons, by the numbers of their rows.
        sources: What to measure by.
        on_note: Called with the polygons measured by a raster, those in all, and words.
    """
    edited = compare(frame, sources.ground, coarse=sources.coarse)
    names = [name for name in FIELDS if name not in ON_REQUEST or name in frame]
    columns = {name: _texts(frame, name) if name in TEXTS else _numbers(frame, name) for name in names}
    found = Filled(edited, pd.DataFrame(columns, index=frame.index))
    _number(found)
    _measure_shape(found, sources.ground)
    _measure_pixels(found, sources.pixels, on_note)
    _measure_terrain(found, sources, on_note)
    _say(found, sources)
    found.table = found.table[[name for name in FIELDS if name in found.table]]
    return found


def _numbers(frame: pd.DataFrame, name: str) -> Float64:
    if name == "cut" and name in frame:
        # A shapefile's truth is a letter, and that of other programs a word.
        said = frame[name].astype("object").map(lambda value: str(value).casefold(), na_action="ignore")
        truth = said.map(TRUTH).to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(truth, dtype=np.float64)
    return column(frame, name)


def _texts(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        return pd.Series([None] * len(frame), index=frame.index, dtype="object")
    texts = frame[name].astype("object")
    return texts.where(texts.notna(), None)


def _number(found: Filled) -> None:
    """Numbers for polygons that have none, and for copies: QGIS gives both halves of one that was split its number."""
    edited, ids = found.edited, found.table["id"].to_numpy(copy=True)
    known = pd.Series(np.where(edited.there, ids, np.nan))
    new = edited.there & (known.isna() | known.duplicated()).to_numpy()
    highest = np.nanmax(np.append(ids, 0))
    ids[new] = highest + 1 + np.arange(int(new.sum()))
    found.table["id"] = ids
    found.renumbered = int((new & ~edited.drawn).sum())


def _measure_shape(found: Filled, ground: Ground) -> None:
    edited = found.edited
    _set(found.table, edited.changed, remeasured(edited, edited.changed, ground))
    _clear(found.table, edited.emptied, (*SHAPE, "nearest_m", *PIXEL_FIELDS, *TERRAIN, "confidence"))
    lon, lat = (found.table[name].to_numpy() for name in ("lon", "lat"))
    placed = edited.there & np.isfinite(lon) & np.isfinite(lat)
    _set(found.table, placed, rounded({"nearest_m": nearest_m(lon[placed], lat[placed])}))


def _measure_pixels(found: Filled, measure: Measure | None, on_note: OnNote | None) -> None:
    edited = found.edited
    _clear(found.table, edited.changed, tuple(PIXEL_FIELDS))
    if measure is not None:
        unknown = edited.there & np.isnan(found.table["prob_mean"].to_numpy())
        _set(found.table, unknown, rounded(_measured(measure, edited.outlines[unknown], "raster", on_note)))


def _measure_terrain(found: Filled, sources: Sources, on_note: OnNote | None) -> None:
    edited = found.edited
    _clear(found.table, edited.changed, TERRAIN)
    if sources.terrain is None:
        return
    for name in TERRAIN:
        found.table[name] = found.table.get(name, np.nan)
    unknown = edited.there & np.isnan(found.table["relief_m"].to_numpy())
    outlines = edited.outlines[unknown]
    sizes = {name: found.table[name].to_numpy()[unknown] for name in ("area_m2", "perimeter_m")}
    heights = _measured(sources.terrain, outlines, "elevation model", on_note)
    measured = completed(sizes | heights, outlines, sources.ground)
    _set(found.table, unknown, {name: values for name, values in rounded(measured).items() if name in TERRAIN})


def _measured(measure: Measure, outlines: Geometries, what: str, on_note: OnNote | None) -> dict[str, Float64]:
    """Measure a few polygons at a time, and tell how far it is."""
    parts, count = [], len(outlines)
    for first in range(0, max(count, 1), AT_ONCE):
        parts.append(measure(outlines[first : first + AT_ONCE]))
        if on_note and count:
            done = min(first + AT_ONCE, count)
            on_note(done, count, f"measured {done:,} of {count:,} landslides by the {what}")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _say(found: Filled, sources: Sources) -> None:
    """Status, confidence and scene where nobody has written them."""
    table, edited = found.table, found.edited
    status = table["status"].map(known_status, na_action="ignore")
    found.strange = sorted(set(status.dropna()) - set(STATUSES))
    # Only a person draws, and draws what is a landslide.
    fresh = [LANDSLIDE if drawn else UNREVIEWED for drawn in edited.drawn]
    table["status"] = status.where(status.notna() | ~edited.there, pd.Series(fresh, index=table.index, dtype="object"))
    measures = {name: table[name].to_numpy() for name in ("prob_mean", "area_m2", "prob_spread") if name in table}
    classes = sources.confidence.classify(measures)
    # The classes say how far to trust the model, so they say nothing of what it didn't find.
    found_by_model = table["model"].notna().to_numpy()
    stale = edited.there & found_by_model & (edited.changed | table["confidence"].isna().to_numpy())
    table["confidence"] = table["confidence"].where(~stale, pd.Series(classes, index=table.index, dtype="object"))
    if sources.scene is not None:
        table["scene"] = table["scene"].where(table["scene"].notna() | ~edited.there, sources.scene)


def _set(table: pd.DataFrame, rows: Bools, columns: Mapping[str, NDArray[np.float64]]) -> None:
    for name, values in columns.items():
        if name in table:
            now = table[name].to_numpy(dtype=np.float64, copy=True)
            now[rows] = values
            table[name] = now


def _clear(table: pd.DataFrame, rows: Bools, names: tuple[str, ...]) -> None:
    for name in names:
        if name in table:
            table[name] = table[name].mask(rows, None if name in TEXTS else np.nan)
