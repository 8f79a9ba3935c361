"""Landslide polygons over a scene, in its pixel coordinates, and what a person said of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window

from landslide_cli.chips.decode import LANDSLIDE, NOTHING, UNKNOWN
from landslide_cli.errors import TrainingDataError
from landslide_cli.scene.area import Area
from landslide_cli.scene.scene import Scene
from landslide_cli.scene.vectors import UnreadableError, read_polygons, reprojected
from landslide_cli.typing import Bytes, Geometries, Indices

STATUS = "status"
UNREVIEWED = "unreviewed"
# What a pixel inside of a polygon is, by the answer of the person who looked at it. Where polygons overlap, the later
# of these holds: an outline drawn anew lies upon the one that was rejected.
ANSWERS = {UNREVIEWED: UNKNOWN, "unsure": UNKNOWN, "not_landslide": NOTHING, "landslide": LANDSLIDE}


@dataclass(frozen=True)
class Labels:
    """Polygons in the scene's CRS, with the scene's transform.

    Attributes:
        polygons: Those that meet the scene, in the order in which they are painted.
        values: What each of them is, uint8: ``NOTHING``, ``LANDSLIDE`` or ``UNKNOWN``.
        transform: Pixel to map, of the scene.
        answers: How many polygons of the scene have each status; empty if nobody reviewed them one by one.
        area: Where all landslides are among the polygons; None stands for everywhere or, of polygons that were
            reviewed one by one, for nowhere but inside of them.
    """

    polygons: Geometries
    values: Bytes
    transform: Affine
    answers: dict[str, int] = field(default_factory=dict)
    area: Area | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tree", shapely.STRtree(self.polygons))

    @classmethod
    def read(cls, path: Path, scene: Scene, layer: str | None = None, area: Area | None = None) -> Labels:
        """Read polygons of any CRS and bring them to the scene's.

        Args:
            path: Any vector file; without a CRS its coordinates are taken as the scene's.
            scene: The scene they belong to.
            layer: Layer to read; else ``landslides`` if there is one, else all.
            area: The part of the scene that a person checked.

        Raises:
            TrainingDataError: the file can't be read, none of its polygons meets the scene, a status isn't known, or
                nobody reviewed any polygon.
            MissingExtraError: it is GeoParquet and pyarrow is missing.
        """
        try:
            frame = read_polygons(path, layer, columns=[STATUS])
            shapes = reprojected(frame, scene.crs).geometry.to_numpy()
        except UnreadableError as error:
            raise TrainingDataError(
                f"{path} can't be read as polygons: {error}; give a GeoPackage, shapefile, GeoJSON or GeoParquet"
            ) from error
        whole = _outline(scene.transform, Window(0, 0, scene.width, scene.height))
        met = np.array([shape.intersects(whole) for shape in shapes], dtype=bool)
        if not met.any():
            raise TrainingDataError(
                f"no polygon of {path} ({len(shapes)} in all) meets {scene.name}; check their coordinates "
                f"and CRS ({frame.crs or 'none'}; the scene's is {scene.crs or 'none'})"
            )
        answers = _answers(frame[STATUS].tolist(), path) if STATUS in frame.columns else []
        here = [answer for answer, inside in zip(answers, met, strict=True) if inside] if answers else []
        if here and not {"landslide", "not_landslide"} & set(here):
            raise TrainingDataError(
                f"nobody has reviewed the {len(here)} polygons of {path} that meet {scene.name}: set their {STATUS} to "
                "landslide or not_landslide where you are sure"
            )
        values = np.array([ANSWERS[answer] for answer in here] or [LANDSLIDE] * int(met.sum()), dtype=np.uint8)
        places = {value: place for place, value in enumerate((UNKNOWN, NOTHING, LANDSLIDE))}
        order = np.argsort([places[value] for value in values.tolist()], kind="stable")
        return cls(shapes[met][order], values[order], scene.transform, dict(Counter(here)), area)

    def touch(self, window: Window, value: int = LANDSLIDE) -> bool:
        """Whether a polygon of a value meets a window, be it only at its edge."""
        return bool((self.values[self._within(window)] == value).any())

    def truth(self, window: Window) -> Bytes:
        """What each pixel is by the polygon that covers its centre, uint8, of the window's shape.

        Elsewhere it is ``NOTHING`` where the scene was checked and ``UNKNOWN`` where it wasn't.
        """
        shape = (int(window.height), int(window.width))
        checked = self.area.mask(window) if self.area else np.full(shape, not self.answers)
        ground = np.where(checked, np.uint8(NOTHING), np.uint8(UNKNOWN))
        found = np.sort(self._within(window))
        if not len(found):
            return ground
        transform = self.transform @ Affine.translation(window.col_off, window.row_off)
        # Painted one higher, so that 0 is left for what no polygon covers.
        painted = rasterize(
            [(self.polygons[one], int(self.values[one]) + 1) for one in found],
            out_shape=shape,
            transform=transform,
            dtype="int16",
        )
        truth: Bytes = np.where(painted > 0, painted - 1, ground).astype(np.uint8)
        if not self.answers:
            truth[~checked] = UNKNOWN  # polygons of no particular status hold where the scene was checked
        return truth

    def centres(self, value: int = LANDSLIDE) -> list[tuple[float, float, float, float]]:
        """For each polygon of a value ``(row, col, height, width)`` in pixels: middle and size of its bounds."""
        inverse = ~self.transform
        chosen = self.polygons[self.values == value]
        pixels = shapely.transform(chosen, lambda x, y: inverse @ (x, y), interleaved=False)
        left, top, right, bottom = shapely.bounds(pixels).reshape(-1, 4).T
        return list(zip((top + bottom) / 2, (left + right) / 2, bottom - top, right - left, strict=True))

    def _within(self, window: Window) -> Indices:
        tree: Any = self._tree  # type: ignore[attr-defined]
        found: Indices = tree.query(_outline(self.transform, window), predicate="intersects")
        return found


def _answers(held: list[Any], path: Path) -> list[str]:
    """The status of each polygon; what has none, such as one just drawn, is unreviewed.

    A column in which no answer of ours stands is somebody else's, and says nothing.
    """
    told = [str(answer).strip() if isinstance(answer, str) else "" for answer in held]
    strange = sorted({answer for answer in told if answer} - ANSWERS.keys())
    if strange and not set(told) & ANSWERS.keys():
        return []
    if strange:
        raise TrainingDataError(
            f"{path}: the column {STATUS} holds {', '.join(strange[:3])}; it needs one of {', '.join(ANSWERS)}"
        )
    return [answer or UNREVIEWED for answer in told]


def _outline(transform: Affine, window: Window) -> Any:
    """A window's outline on the map; rotated scenes have rotated windows."""
    left, top = window.col_off, window.row_off
    right, bottom = left + window.width, top + window.height
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return shapely.Polygon([transform @ corner for corner in corners])
