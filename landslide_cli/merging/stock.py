"""The landslides of all parts: what decides about them in memory, their outlines in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from affine import Affine

from landslide_cli.inventory.attributes import FIELDS, dimensions
from landslide_cli.inventory.edited import column
from landslide_cli.inventory.review import NOT_LANDSLIDE, REVIEW_FIELDS, UNREVIEWED
from landslide_cli.merging.parts import LANDSLIDES, Part
from landslide_cli.merging.placing import Placing
from landslide_cli.merging.scenes import Scenes
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bools, Float64, Geometries, Indices, OnNote

# Attributes of pixels and terrain by which those of joined halves are told.
MEASURES = (
    "pixels", "prob_mean", "prob_max", "high_share", "prob_spread", "elev_min_m", "elev_max_m", "slope_mean_deg",
    "slope_max_deg",
)  # fmt: skip
# Columns that the program writes; all others are somebody's.
OURS = FIELDS.keys() | {"id_in_scene", "scenes", "seen", "analysed_by", "overlaps", "same_as"}
REVIEW = (*REVIEW_FIELDS, "confidence")
# Between the names in the attribute ``scenes``.
SEPARATOR = ", "
# Sizes are written with two decimals.
ROUNDING = 0.02
# A centroid of another map lies millimetres beside; this is a decimetre.
MOVED_DEG = 1e-6
ROW = np.dtype(
    [
        ("part", np.int32), ("piece", np.int32), ("fid", np.int64), ("scene", np.int32), ("bounds", np.float64, 4),
        ("planar", np.float64), ("area_m2", np.float64), ("lon", np.float64), ("lat", np.float64),
        ("cut", np.bool_), ("edited", np.bool_), ("reshaped", np.bool_), ("touched", np.bool_), ("reviewed", np.bool_),
        ("rejected", np.bool_), ("reviewed_at", np.float64), ("start", np.int64), ("size", np.int32),
        *((name, np.float64) for name in MEASURES),
    ]
)  # fmt: skip


@dataclass
class Stock:
    """All landslides, one after the other in the order of the parts.

    Attributes:
        rows: What decides about each, of the type `ROW`: where it comes from, how large it is in map units and
            in m², whether people worked on it, and where its outline lies in the file.
        seen_by: Scenes that saw a landslide of a merged inventory, by its row, if they are several.
        several: Whether any has several parts.
    """

    file: Path
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, ROW))
    seen_by: dict[int, tuple[int, ...]] = field(default_factory=dict)
    several: bool = False

    def geometries(self, rows: Indices) -> Geometries:
        """The outlines of rows, shape ``(n,)``, in the coordinate system of the merged inventory."""
        if not len(rows):
            return np.empty(0, dtype=object)
        held = np.memmap(self.file, dtype=np.uint8, mode="r")
        places = zip(self.rows["start"][rows].tolist(), self.rows["size"][rows].tolist(), strict=True)
        found: Geometries = shapely.from_wkb([held[start : start + size].tobytes() for start, size in places])
        return found

    def pieces(self) -> Iterator[tuple[int, int, slice]]:
        """Part, piece of the part, and rows of each piece that was read."""
        whole = np.stack([self.rows["part"], self.rows["piece"]])
        starts = np.flatnonzero((np.diff(whole, axis=1, prepend=-1) != 0).any(axis=0)).tolist()
        for first, end in pairwise([*starts, len(self.rows)]):
            yield int(whole[0, first]), int(whole[1, first]), slice(first, end)

    @property
    def pixel(self) -> Float64:
        """Side of a pixel in units of the map for each row, shape ``(n,)``; 0 where nothing tells."""
        with np.errstate(invalid="ignore", divide="ignore"):
            side = np.sqrt(self.rows["planar"] / self.rows["pixels"])
        return np.where(np.isfinite(side), side, 0.0)

    def pixel_of_scenes(self, count: int) -> Float64:
        """The same as the median of each of so many scenes, shape ``(count,)``."""
        order = np.argsort(self.rows["scene"], kind="stable")
        ends = np.searchsorted(self.rows["scene"][order], np.arange(1, count))
        sides = np.split(self.pixel[order], ends)
        return np.array([np.median(side) if len(side) else 0.0 for side in sides])


def read_stock(
    parts: Sequence[Part], scenes: Scenes, placing: Placing, file: Path, on_note: OnNote | None = None
) -> Stock:
    """Read the landslides of all parts.

    Args:
        parts: The inventories.
        scenes: Their scenes.
        placing: Brings outlines to where they are wanted.
        file: Where outlines are kept; removing it is up to the caller.
        on_note: Called with rows read, rows in all, and words.
    """
    stock, found, count, end = Stock(file), [], 0, 0
    total = sum(part.count(LANDSLIDES) for part in parts)
    with file.open("wb") as dst:
        for index, part in enumerate(parts):
            ground = Ground(Affine.identity(), part.crs)
            for piece, frame in enumerate(part.read(LANDSLIDES)):
                if not len(frame):
                    continue
                rows = _judged(frame, ground)
                rows["part"], rows["piece"], rows["fid"] = index, piece, frame.index.to_numpy()
                rows["scene"] = [scenes.number(index, told) for told in part.scene_of(frame)]
                stock.seen_by |= _seen_by(frame, scenes.numbers(index), count)
                geometry = placing(frame.geometry.to_numpy(), part.crs)
                rows["bounds"], rows["planar"] = shapely.bounds(geometry), shapely.area(geometry)
                stock.several |= bool((shapely.get_type_id(geometry) != shapely.GeometryType.POLYGON).any())
                texts = shapely.to_wkb(geometry)
                rows["size"] = [len(text) for text in texts]
                rows["start"] = end + np.cumsum(rows["size"], dtype=np.int64) - rows["size"]
                end += int(rows["size"].sum(dtype=np.int64))
                dst.write(b"".join(texts))
                found.append(rows)
                count += len(rows)
                if on_note:
                    on_note(count, total, f"read {count:,} of {total:,} landslides")
    if found:
        stock.rows = np.concatenate(found)
    return stock


def _judged(frame: geopandas.GeoDataFrame, ground: Ground) -> np.ndarray:
    """What the attributes of landslides tell, and whether they still belong to their outlines."""
    rows = np.zeros(len(frame), ROW)
    geometry = frame.geometry.to_numpy()
    for name in (*MEASURES, "lon", "lat"):
        rows[name] = column(frame, name)
    rows["area_m2"], edited = _sizes(frame, geometry, ground, rows)
    told = np.isfinite(column(frame, "area_m2"))
    rows["edited"], rows["reshaped"] = edited, edited & told
    if edited.any():
        shape = dimensions(geometry[edited], ground)
        rows["lon"][edited], rows["lat"][edited] = shape["lon"], shape["lat"]
    rows["cut"] = column(frame, "cut") == 1
    theirs = [name for name in frame.columns if name not in OURS and name not in ("geometry", *REVIEW)]
    # A file of another program has no areas at all.
    rows["touched"] = (edited if "area_m2" in frame else False) | frame[theirs].notna().any(axis=1).to_numpy()
    if "status" in frame:
        status = frame["status"]
        rows["reviewed"] = (status.notna() & ~status.isin(["", UNREVIEWED])).to_numpy()
        rows["rejected"] = (status == NOT_LANDSLIDE).fillna(False).to_numpy(dtype=bool)
    rows["reviewed_at"] = -np.inf
    if "reviewed_at" in frame:
        when = pd.to_datetime(frame["reviewed_at"], errors="coerce", utc=True, format="mixed")
        known = when.notna().to_numpy()
        rows["reviewed_at"][known] = when[known].astype("datetime64[s, UTC]").astype("int64")
    return rows


def _sizes(frame: pd.DataFrame, geometry: Geometries, ground: Ground, rows: np.ndarray) -> tuple[Float64, Bools]:
    """Areas in m², and which outlines aren't those that the attributes were measured of.

    Nobody measures what they draw, reshape or move, so sizes and centroids that aren't the outline's tell of it.
    """
    told = column(frame, "area_m2")
    area, perimeter = ground.measure(geometry)
    longitude, latitude = ground.longitude_latitude(*shapely.get_coordinates(shapely.centroid(geometry)).T)
    with np.errstate(invalid="ignore"):
        edited = ~(np.abs(area - told) <= ROUNDING + 1e-6 * area)
        edited |= np.abs(perimeter - column(frame, "perimeter_m")) > ROUNDING + 1e-6 * perimeter
        edited |= np.abs((longitude - rows["lon"] + 180) % 360 - 180) * np.cos(np.radians(latitude)) > MOVED_DEG
        edited |= np.abs(latitude - rows["lat"]) > MOVED_DEG
    return np.where(np.isnan(area), told, area), edited & ~np.isnan(area)


def _seen_by(frame: pd.DataFrame, numbers: dict[str, int], first: int) -> dict[int, tuple[int, ...]]:
    """The scenes of landslides that an earlier merging found in several."""
    if "scenes" not in frame:
        return {}
    several: dict[int, tuple[int, ...]] = {}
    for row, told in enumerate(frame["scenes"]):
        if isinstance(told, str) and SEPARATOR in told:
            names: list[Any] = [numbers.get(name) for name in told.split(SEPARATOR)]
            several[first + row] = tuple(number for number in names if number is not None)
    return several
