"""One coordinate system for what came in several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError

from landslide_cli.errors import InventoryError
from landslide_cli.merging.parts import polygonal
from landslide_cli.scene.ground import beside
from landslide_cli.typing import Float64, Geometries

# Straight edges of a map bend on the way to another one; so many vertices on a side follow them.
VERTICES_ON_A_SIDE = 64


def common_crs(systems: Sequence[pyproj.CRS | None], asked: str | None) -> pyproj.CRS | None:
    """The coordinate system for what came in several: the one asked for, else that of most, the first of several.

    Raises:
        InventoryError: the one asked for is none, or nothing came in any.
    """
    systems = [crs for crs in systems if crs is not None]
    if asked is None:
        return Counter(systems).most_common(1)[0][0] if systems else None
    try:
        wanted = pyproj.CRS.from_user_input(asked)
    except CRSError as error:
        raise InventoryError(
            f"{asked!r} is no coordinate reference system; name one as EPSG:32648, or as PROJ or WKT has it"
        ) from error
    if not systems:
        raise InventoryError(f"no inventory has a coordinate reference system, so none can be brought to {asked}")
    return wanted


class Placing:
    """Brings geometries into one coordinate system.

    Args:
        target: Where to; None to leave everything as it is.
    """

    def __init__(self, target: pyproj.CRS | None) -> None:
        self.target = target
        self._turns = target is not None and target.is_geographic
        self._centre: float | None = None

    def __call__(self, geometry: Geometries, crs: pyproj.CRS | None, *, outlines: bool = False) -> Geometries:
        """Move polygons; valid ones come back.

        Args:
            geometry: The polygons.
            crs: Where they come from.
            outlines: Their edges are long, so that it shows where they bend.

        Raises:
            InventoryError: the target doesn't reach as far.
        """
        if self.target is None or crs is None or not len(geometry):
            return geometry
        if crs == self.target:
            if self._turns and self._centre is None:
                self._centre = float(shapely.get_coordinates(geometry[0])[0, 0])
            return geometry
        if outlines:
            left, bottom, right, top = shapely.total_bounds(geometry)
            geometry = shapely.segmentize(geometry, max(right - left, top - bottom) / VERTICES_ON_A_SIDE)
        way = pyproj.Transformer.from_crs(crs.to_2d(), self.target.to_2d(), always_xy=True)

        def moved(x: Float64, y: Float64) -> tuple[Float64, Float64]:
            x, y = (np.asarray(values) for values in way.transform(x, y))
            if not (np.isfinite(x).all() and np.isfinite(y).all()):
                raise InventoryError(
                    f"the landslides reach farther than {self.target.name if self.target else ''!r} does; choose "
                    "another coordinate system: --crs EPSG:4326"
                )
            if not self._turns:
                return x, y
            if self._centre is None:
                self._centre = float(x[0])
            # All on one side of the antimeridian, so that what lies across it stays in one piece.
            return beside(x, np.full(len(x), self._centre)), y

        return polygonal(shapely.orient_polygons(shapely.transform(geometry, moved, interleaved=False)))
