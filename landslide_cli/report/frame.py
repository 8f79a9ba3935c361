"""How a scene lies on the page: in Web Mercator, or in its own pixels where that can't be."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
from affine import Affine
from rasterio.crs import CRS

from landslide_cli.scene.scene import Scene
from landslide_cli.typing import Float64, Geometries

TILE = 256
RADIUS = 6_378_137.0  # of the sphere that Web Mercator takes the earth for
HALF = math.pi * RADIUS  # from the middle of the map to each of its sides
DEEPEST = 24
PROBES = 33  # points along each side of a scene whose place is asked for
# Nothing is reprojected where source and map have the same CRS; which one doesn't matter then.
STAND_IN = CRS.from_epsg(3857)


@dataclass(frozen=True)
class Frame:
    """A map and its tiles: 256 pixels a side, four on each of the level above, numbered from the upper left.

    Attributes:
        mercator: Web Mercator; else the map's units are pixels of the scene, and up is the scene's up.
        crs: That of the map. Web Mercator is turned about the earth's axis so that its seam lies opposite the scene,
            and its x go on across the antimeridian as if there was none.
        corner: x and y of the upper left corner of tile 0 of every level.
        unit: Map units in a pixel of level 0.
        side: Map units in a pixel of the scene, at its centre.
        metres: Metres in a map unit there; None if unknown.
        outline: The scene in map units.
        scene_crs: CRS of the scene.
        scene_transform: Its pixels to its CRS.
        source: What a warp must be told of the scene's CRS and pixels if they aren't what its file says.
    """

    mercator: bool
    crs: CRS
    corner: tuple[float, float]
    unit: float
    side: float
    metres: float | None
    outline: Any
    scene_crs: CRS | None
    scene_transform: Affine
    source: tuple[CRS, Affine] | None

    @property
    def native_zoom(self) -> int:
        """Level that shows, within a tenth, every pixel of the scene."""
        return min(DEEPEST, math.ceil(math.log2(self.unit / self.side) - 0.14))

    @property
    def shallowest_zoom(self) -> int:
        """Level that shows the whole scene on a small screen."""
        left, bottom, right, top = self.outline.bounds
        return min(self.native_zoom, math.floor(math.log2(2 * TILE * self.unit / max(right - left, top - bottom))))

    def pixel_side(self, zoom: float) -> float:
        """Map units in a pixel of a level."""
        return self.unit / 2**zoom

    def pixels(self, x: Float64, y: Float64, zoom: float) -> tuple[Float64, Float64]:
        """Map units, shape ``(n,)``, to pixels of a level, counted from the corner to the right and down."""
        side = self.pixel_side(zoom)
        return (x - self.corner[0]) / side, (self.corner[1] - y) / side

    def place(self, shapes: Geometries, crs: Any) -> Geometries:
        """Bring shapes of any CRS onto the map; those without one are taken to have the scene's."""
        if self.mercator:
            return _reprojected(shapes, crs or self.scene_crs, self.crs)
        if crs is not None and self.scene_crs is not None:
            shapes = _reprojected(shapes, crs, self.scene_crs)
        inverse = Affine.scale(1, -1) @ ~self.scene_transform
        placed: Geometries = shapely.transform(shapes, lambda x, y: inverse @ (x, y), interleaved=False)
        return placed


def frame_of(scene: Scene) -> Frame:
    """Lay a scene on the map: in Web Mercator, or as it is if it has no CRS or reaches too near a pole."""
    return _in_mercator(scene) or Frame(
        mercator=False,
        crs=STAND_IN,
        corner=(0.0, 0.0),
        unit=1.0,
        side=1.0,
        metres=scene.resolution_m,
        outline=shapely.box(0, -scene.height, scene.width, 0),
        scene_crs=scene.crs,
        scene_transform=scene.transform,
        source=(STAND_IN, Affine.scale(1, -1)),
    )


def web_mercator(longitude: float) -> CRS:
    """Web Mercator with its seam opposite a longitude in degrees; x are those of EPSG:3857, going on beyond it.

    EPSG Guidance Note 7-2, method 1024: x = R (λ - λ₀) + x₀, so x₀ = R λ₀ leaves x where they were.
    """
    return CRS.from_string(
        f"+proj=webmerc +lon_0={longitude} +x_0={RADIUS * math.radians(longitude)!r} +datum=WGS84 +units=m +no_defs"
    )


def _in_mercator(scene: Scene) -> Frame | None:
    if scene.crs is None or scene.ground.pixel_m is None:
        return None
    row, col = scene.height / 2, scene.width / 2
    ground = scene.ground
    longitude, latitude = ground.longitude_latitude(*(np.array([v]) for v in scene.transform @ (col, row)))
    if not np.isfinite([longitude[0], latitude[0]]).all():
        return None
    crs = web_mercator(round(longitude[0]))
    box = shapely.box(0, 0, scene.width, scene.height)
    cross = shapely.LineString([(col, row), (col + 1, row), (col, row), (col, row + 1)])
    lines = np.array([shapely.segmentize(box, max(scene.width, scene.height) / PROBES), cross], dtype=object)
    placed = _reprojected(ground.place(lines), scene.crs, crs)
    corners = shapely.get_coordinates(placed)
    if not np.isfinite(corners).all() or np.abs(corners[:, 1]).max() > HALF:
        return None
    centre, right, _, below = shapely.get_coordinates(placed[1])
    return Frame(
        mercator=True,
        crs=crs,
        corner=(-HALF, HALF),
        unit=2 * HALF / TILE,
        side=math.sqrt(math.dist(centre, right) * math.dist(centre, below)),
        metres=math.cos(math.radians(latitude[0])),
        outline=placed[0],
        scene_crs=scene.crs,
        scene_transform=scene.transform,
        source=_beside_the_antimeridian(scene, round(longitude[0])),
    )


def _beside_the_antimeridian(scene: Scene, longitude: float) -> tuple[CRS, Affine] | None:
    """Degrees counted from the scene's own meridian, if the file counts them beyond 180.

    GDAL looks for a place at -179.9 there alone, and not at 180.1.
    """
    crs = pyproj.CRS.from_user_input(scene.crs)
    places = [scene.transform @ corner for corner in ((0, 0), (scene.width, 0), (0, scene.height))]
    places.append(scene.transform @ (scene.width, scene.height))
    if not crs.is_geographic or max(abs(x) for x, _ in places) <= 180:
        return None
    turn = 360 * round((places[0][0] - longitude) / 360)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # degrees on a datum lose nothing that a picture needs
        counted = CRS.from_dict(crs.to_2d().to_dict() | {"pm": longitude})
    return counted, Affine.translation(-longitude - turn, 0) @ scene.transform


def _reprojected(shapes: Geometries, crs: Any, target: Any) -> Geometries:
    there = pyproj.Transformer.from_crs(
        pyproj.CRS.from_user_input(crs).to_2d(), pyproj.CRS.from_user_input(target), always_xy=True
    )
    moved: Geometries = shapely.transform(shapes, there.transform, interleaved=False)
    return moved
