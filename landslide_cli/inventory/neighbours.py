"""How far it is to the nearest neighbour."""

from __future__ import annotations

import numpy as np
import pyproj
from scipy.spatial import KDTree

from landslide_cli.typing import Float64

WGS84 = pyproj.Geod(ellps="WGS84")


def nearest_m(longitude: Float64, latitude: Float64) -> Float64:
    """Geodesic distance in metres from each of ``(n,)`` places to the nearest other one; NaN for a place alone.

    The neighbour is looked for along straight lines through the earth, which order neighbours as geodesics do; so
    the antimeridian and the poles are places like others. Memory: about 100 bytes for each place.
    """
    if len(longitude) < 2:
        return np.full(len(longitude), np.nan)
    places = earth_centred(longitude, latitude)
    found = np.asarray(KDTree(places).query(places, k=2)[1])
    # Where two places are the same, either may be named first.
    other = np.where(found[:, 0] == np.arange(len(found)), found[:, 1], found[:, 0])
    metres: Float64 = WGS84.inv(longitude, latitude, longitude[other], latitude[other])[2]
    return metres


def earth_centred(longitude: Float64, latitude: Float64) -> Float64:
    """Metres from the earth's centre along its three axes, shape ``(n, 3)``, for places on the ellipsoid."""
    sine, cosine = np.sin(np.radians(latitude)), np.cos(np.radians(latitude))
    normal = WGS84.a / np.sqrt(1 - WGS84.es * sine**2)
    x, y = np.cos(np.radians(longitude)), np.sin(np.radians(longitude))
    return np.stack([normal * cosine * x, normal * cosine * y, normal * (1 - WGS84.es) * sine], axis=1)
