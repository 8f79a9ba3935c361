"""What of an inventory lies on a scene, and how much of the scene was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas
import numpy as np
import shapely

from landslide_cli.inventory.read import Inventory
from landslide_cli.report.frame import PROBES, Frame
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.scene import Scene
from landslide_cli.typing import Float64, Geometries

# Landslides of a neighbouring scene reach across the common edge by hairs, where coordinates were rounded.
SLIVER = 1e-3


@dataclass(frozen=True)
class Sight:
    """The part of an inventory that lies on a scene.

    Attributes:
        inventory: With those of its landslides that lie on the scene.
        placed: They on the map, shape ``(n,)``.
        inside: Part of each that lies on the scene, shape ``(n,)``.
        analysed: The part of the scene that was analysed, on the map, each place once; None if unknown.
        elsewhere: Number of its other landslides.
    """

    inventory: Inventory
    placed: Geometries
    inside: Float64
    analysed: Geometries | None
    elsewhere: int


@dataclass(frozen=True)
class Coverage:
    """How much of the scene was looked at.

    Attributes:
        scene_m2: Area of the scene; None if unknown.
        analysed_m2: Area of what was analysed on it; None if unknown.
        analysed_share: The same as a part of the scene's pixels; None if the inventory doesn't tell.
        valid_share: Part of the scene that isn't nodata.
        by_scene: Of a merged inventory: what each of its scenes analysed here, as a part of this scene's pixels.
    """

    scene_m2: float | None
    analysed_m2: float | None
    analysed_share: float | None
    valid_share: float
    by_scene: Mapping[str, float]


def seen_on(inventory: Inventory, frame: Frame) -> Sight:
    """Find out what of an inventory lies on a scene."""
    landslides = inventory.landslides
    placed = frame.place(landslides.geometry.to_numpy(), landslides.crs)
    inside = _inside(placed, frame)
    here = inside > SLIVER
    looked = _looked(inventory)
    analysed = None
    if looked is not None:
        on_map = _together(frame.place(looked.geometry.to_numpy(), looked.crs))
        analysed = _polygons(shapely.intersection(on_map, frame.outline))
    there = replace(inventory, landslides=landslides[here].reset_index(drop=True))
    return Sight(there, placed[here], inside[here], analysed, int((~here).sum()))


def coverage(scene: Scene, inventory: Inventory, valid_share: float) -> Coverage:
    """Measure what was looked at."""
    ground = scene.ground
    box = shapely.box(0, 0, scene.width, scene.height)
    whole = shapely.segmentize(box, max(scene.width, scene.height) / PROBES)
    scene_m2 = _area(ground, whole)
    looked = _looked(inventory)
    if looked is None:
        return Coverage(scene_m2, None, None, valid_share, {})
    part = _in_pixels(looked, scene, box)
    by_scene = {}
    if inventory.footprints is not None and "scene" in inventory.footprints:
        for name, rows in inventory.footprints.groupby("scene", sort=False):
            share = _in_pixels(rows, scene, box).area / box.area
            if share > SLIVER:
                by_scene[str(name)] = share
    return Coverage(scene_m2, _area(ground, part), part.area / box.area, valid_share, by_scene)


def _looked(inventory: Inventory) -> geopandas.GeoDataFrame | None:
    return inventory.footprints if inventory.analysed is None else inventory.analysed


def _inside(placed: Geometries, frame: Frame) -> Float64:
    """The part of each polygon on the map that lies on the scene, shape ``(n,)``."""
    outline = frame.outline
    shapely.prepare(outline)
    inside = shapely.contains_properly(outline, placed).astype(np.float64)
    edge = np.flatnonzero((inside == 0) & shapely.intersects(outline, placed))
    whole = shapely.make_valid(placed[edge])
    area = np.maximum(shapely.area(whole), np.finfo(np.float64).tiny)
    inside[edge] = shapely.area(shapely.intersection(whole, outline)) / area
    return inside


def _together(outlines: Geometries) -> shapely.Geometry:
    """What polygons cover, each place once."""
    if len(outlines) == 1 and shapely.is_valid(outlines[0]):
        only: shapely.Geometry = outlines[0]
        return only
    together: shapely.Geometry = shapely.union_all(shapely.make_valid(outlines))
    return together


def _polygons(shape: shapely.Geometry) -> Geometries:
    parts: Geometries = shapely.get_parts(shapely.get_parts(shape))
    return parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]


def _in_pixels(looked: geopandas.GeoDataFrame, scene: Scene, box: shapely.Geometry) -> shapely.Geometry:
    """What of the scene was looked at, in its pixels."""
    if looked.crs is not None and scene.crs is not None:
        looked = looked.to_crs(scene.crs.to_wkt())
    inverse = ~scene.transform
    outlines = shapely.transform(looked.geometry.to_numpy(), lambda x, y: inverse @ (x, y), interleaved=False)
    part: shapely.Geometry = shapely.intersection(_together(outlines), box)
    return part


def _area(ground: Ground, shape: shapely.Geometry) -> float | None:
    """The area in m² of a shape in pixels; None if unknown."""
    parts = ground.place(_polygons(shape))
    area = float(ground.measure(parts)[0].sum())
    return area if np.isfinite(area) else None
