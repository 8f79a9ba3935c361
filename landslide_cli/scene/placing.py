"""Where the pixels of an open raster lie, and whether they can lie there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyproj
from affine import Affine
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from landslide_cli.errors import LandslideError, SceneError
from landslide_cli.scene.ground import Ground, ground_resolution

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

FARTHEST = 1e12  # map units; the sun is nearer
# Sides of pixels between a photograph of the lab and a globe in a dozen pixels.
FINEST_M, COARSEST_M = 1e-4, 1e6


def ground_of(src: DatasetReader) -> Ground:
    """Where the pixels of an open raster lie.

    Heights in its CRS don't matter, so one of three dimensions is taken as the map that belongs to it.

    Raises:
        SceneError: it can't lie there: no geotransform, one that isn't finite or can't be inverted, a CRS of the whole
            earth's centre or one that PROJ can't use, or pixels that the CRS makes impossible.
    """
    transform = src.transform
    _refuse_degenerate(src)
    if src.crs is None:
        return Ground(transform, None)
    try:
        known = pyproj.CRS.from_user_input(src.crs)
        if len(known.axis_info) == 3 and not known.is_compound and not known.is_geocentric:
            known = known.to_2d()
            crs = CRS.from_wkt(known.to_wkt())
        else:
            crs = src.crs
        unit_m = _local_unit(known)
        if unit_m is not None:
            down, across = (
                math.hypot(*step) * unit_m for step in ((transform.b, transform.e), (transform.a, transform.d))
            )
            return Ground(transform, crs, (down, across), unit_m)
        pixel_m = ground_resolution(known, transform, src.height, src.width)
    except ProjError as error:
        raise SceneError(
            f"{src.name} has a coordinate reference system that can't be used ({error}); "
            "assign the right one (gdal_edit.py -a_srs)"
        ) from error
    _refuse_impossible(src, known, pixel_m)
    return Ground(transform, crs, pixel_m)


def ground_in(crs: pyproj.CRS | None) -> Ground:
    """Where coordinates of a CRS lie that come without a raster, such as those of polygons."""
    if crs is None:
        return Ground(Affine.identity(), None)
    flat = crs.to_2d()
    return Ground(Affine.identity(), CRS.from_wkt(flat.to_wkt()), unit_m=_local_unit(flat))


def way_between(
    here: Ground, there: Ground, name: str, *, error: type[LandslideError] = SceneError, both: str = ""
) -> pyproj.Transformer:
    """From the CRS of the scene to that of another raster, without heights.

    Args:
        here: Where the scene lies.
        there: Where the other raster lies.
        name: What the other raster is called.
        error: What is raised.
        both: What the two are called together.

    Raises:
        LandslideError: there is none: one has no CRS, or a local one that isn't tied to the earth.
    """
    both = both or f"the scene and {name}"
    for ground, what in ((here, "the scene"), (there, name)):
        if ground.crs is None:
            raise error(
                f"{what} has no coordinate reference system, so {both} can't be laid over each other; "
                "assign it with gdal_edit.py -a_srs"
            )
    # Compound systems carry heights of their own; only the place on the map is asked for.
    one, other = (pyproj.CRS.from_user_input(ground.crs).to_2d() for ground in (here, there))
    for crs, what in ((one, "the scene"), (other, name)):
        if crs.is_engineering and one != other:
            raise error(
                f"{what} has the local coordinate system {crs.name!r}, which isn't tied to the earth, so {both} can't "
                "be laid over each other; assign the right one (gdal_edit.py -a_srs)"
            )
    try:
        return pyproj.Transformer.from_crs(one, other, always_xy=True)
    except ProjError as cause:
        raise error(
            f"{name} can't be laid over the scene: {cause}; give one in a coordinate system of the same region"
        ) from cause


def _local_unit(crs: pyproj.CRS) -> float | None:
    """Metres of a map unit in a local CRS, such as surveys without satellites have; None in every other."""
    if not crs.is_engineering or not crs.axis_info or "degree" in crs.axis_info[0].unit_name:
        return None
    return crs.axis_info[0].unit_conversion_factor or None


def _refuse_degenerate(src: DatasetReader) -> None:
    transform = src.transform
    numbers = np.array(list(transform)[:6])
    if np.isfinite(numbers).all() and np.abs(numbers).max() < FARTHEST and transform.determinant != 0:
        if src.crs is None or not transform.is_identity:
            return
        raise SceneError(
            f"{src.name} has a coordinate reference system but no geotransform, so nothing tells where it lies; "
            "assign its corners with gdal_edit.py -a_ullr LEFT TOP RIGHT BOTTOM"
        )
    raise SceneError(
        f"{src.name} has a geotransform that can't be: {', '.join(f'{number:g}' for number in numbers)}; "
        "assign its corners with gdal_edit.py -a_ullr LEFT TOP RIGHT BOTTOM"
    )


def _refuse_impossible(src: DatasetReader, crs: pyproj.CRS, pixel_m: tuple[float, float] | None) -> None:
    """Refuse a CRS that can't be the right one: it puts the pixels nowhere, or gives them no size that a camera has."""
    if crs.is_engineering:
        return
    x, y = src.transform @ (src.width / 2, src.height / 2)
    if crs.is_geocentric or (crs.is_geographic and (abs(y) > 90 or abs(x) > 720)):
        pixel_m = None
    if pixel_m is None:
        reason = f"its centre ({x:.9g}, {y:.9g}) doesn't lie in it"
    elif not FINEST_M <= math.sqrt(pixel_m[0] * pixel_m[1]) <= COARSEST_M:
        reason = f"its pixels would be {math.sqrt(pixel_m[0] * pixel_m[1]):.1g} m wide"
    else:
        return
    raise SceneError(
        f"{src.name} can't lie in its coordinate reference system {crs.name}: {reason}; "
        "assign the right one (gdal_edit.py -a_srs EPSG:CODE)"
    )
