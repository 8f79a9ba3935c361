"""Bounds in longitude and latitude, also across the antimeridian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landslide_cli.scene.ground import Floats, beside

WestSouthEastNorth = tuple[float, float, float, float]


@dataclass(slots=True)
class Bounds:
    """The bounds of places that come bit by bit.

    Longitudes are unrolled to within half a turn of the first one, so places must not lie further apart.
    """

    _found: WestSouthEastNorth | None = None
    _first: float | None = None

    def add(self, longitude: Floats, latitude: Floats) -> None:
        """Add places in degrees; those that are NaN are left out."""
        known = np.isfinite(longitude) & np.isfinite(latitude)
        if not known.any():
            return
        longitude, latitude = longitude[known], latitude[known]
        if self._first is None:
            self._first = float(longitude[0])
        around = beside(longitude, np.full(len(longitude), self._first))
        west, south, east, north = (float(v) for v in (around.min(), latitude.min(), around.max(), latitude.max()))
        if self._found:
            was = self._found
            west, south, east, north = min(west, was[0]), min(south, was[1]), max(east, was[2]), max(north, was[3])
        self._found = west, south, east, north

    @property
    def degrees(self) -> WestSouthEastNorth | None:
        """West, south, east, north; None of nothing.

        Across the antimeridian west is larger than east (RFC 7946, section 5.2).
        """
        if self._found is None:
            return None
        west, south, east, north = self._found
        if east - west >= 360:
            return -180.0, south, 180.0, north
        west, east = beside(np.array([west, east]), np.zeros(2)).tolist()
        return west, south, east, north
