"""What fits into a shapefile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from landslide_cli.errors import OutputError
from landslide_cli.inventory.attributes import Columns
from landslide_cli.typing import Geometries

# Many readers stop there, for .shp and .dbf alike: https://gdal.org/en/stable/drivers/vector/shapefile.html
LARGEST_BYTES = 2**31 - 1
LONGEST_TEXT = 254  # bytes
# Widths of a table's columns as GDAL writes them; text has 80 bytes, or more where it needs them.
WIDTHS = {"i": 18, "f": 24, "b": 1}
TEXT = 80
OTHERWISE = "write .gpkg instead"


def refuse_misfit(path: Path, *, crs: pyproj.CRS | None, texts: Mapping[str, str]) -> None:
    """Check what is known before the first polygon.

    Args:
        path: The shapefile, for messages.
        crs: Coordinate reference system of the polygons, or None.
        texts: Texts that every polygon carries.

    Raises:
        OutputError: a text is too long, or ``.prj`` can't tell the CRS.
    """
    for name, text in texts.items():
        size = len(text.encode())
        if size > LONGEST_TEXT:
            raise OutputError(
                f"{path.name}: {name} has {size} bytes, but a shapefile's texts hold {LONGEST_TEXT}; {OTHERWISE}"
            )
    if crs is not None and not _told_by_prj(crs):
        raise OutputError(f"{path.name}: a shapefile's .prj can't tell the CRS {crs.name!r} exactly; {OTHERWISE}")


class Room:
    """Counts how large a shapefile becomes, so that it is refused before it is written.

    Args:
        path: The shapefile, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        # File headers; that of the table holds 32 bytes for each column and is small.
        self._geometry, self._table = 100, 0

    def take(self, columns: Columns, polygons: Geometries) -> None:
        """Count polygons in.

        Args:
            columns: Their attributes, each ``(n,)``.
            polygons: ``(n,)``.

        Raises:
            OutputError: a file would grow beyond what readers take.
        """
        parts = shapely.get_num_interior_rings(shapely.get_parts(polygons)) + 1
        # A record: header 8, kind 4, bounds 32, two counts 8, a count for each ring, two doubles for each vertex.
        self._geometry += 52 * len(polygons) + 4 * int(parts.sum())
        self._geometry += 16 * int(shapely.get_num_coordinates(polygons).sum())
        self._table += len(polygons) * (1 + sum(map(_width, columns.values())))
        for ending, size in ((".shp", self._geometry), (".dbf", self._table)):
            if size > LARGEST_BYTES:
                raise OutputError(
                    f"{self._name}: the landslides don't fit into a shapefile, whose {ending} holds 2 GB; {OTHERWISE}, "
                    "or drop small landslides with --min-area"
                )


def _width(values: NDArray[Any]) -> int:
    kind = values.dtype.kind
    if kind in WIDTHS:
        return WIDTHS[kind]
    return max([TEXT, *(len(text.encode()) for text in set(values) if text is not None)])


def _told_by_prj(crs: pyproj.CRS) -> bool:
    """Whether ESRI's WKT can say it: it knows no derived CRS, and drops the datum shift of a bound one."""
    try:
        crs.to_wkt("WKT1_ESRI")
    except CRSError:
        return False
    return not crs.is_bound
