"""Reading vector files: what GDAL reads, and GeoParquet, which the GDAL inside pyogrio's wheels doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from landslide_cli.extras import need

if TYPE_CHECKING:
    import geopandas

PARQUET = ".parquet"


class UnreadableError(Exception):
    """A vector file can't be read; the callers know what it should have been."""


def layers(path: Path) -> dict[str, str | None]:
    """Names and geometry types of the layers, None for one without geometry; GeoParquet has one, named as the file.

    Raises:
        UnreadableError: the file can't be read as vectors.
    """
    import pyogrio

    if path.suffix.lower() == PARQUET:
        return {path.stem: "Unknown"}
    with _readable():
        return {str(name): kind for name, kind in pyogrio.list_layers(path)}


def read_layer(path: Path, layer: str | None = None, *, columns: Sequence[str] | None = None) -> geopandas.GeoDataFrame:
    """Read a layer.

    Args:
        path: The file.
        layer: Its name; the first by default.
        columns: Attributes to read; all by default.

    Raises:
        UnreadableError: the file can't be read as vectors.
        MissingExtraError: it is GeoParquet and pyarrow is missing.
    """
    import geopandas

    if path.suffix.lower() == PARQUET:
        need("pyarrow", extra="parquet", purpose=f"{path}: GeoParquet")
        with _readable():
            frame = geopandas.read_parquet(path)
        # Bounds of each polygon, by which readers skip row groups, are no attribute.
        known = frame.drop(columns="bbox", errors="ignore")
        return known if columns is None else known[[*columns, known.geometry.name]]
    with _readable():
        # By name, since pyogrio warns where there are several.
        return geopandas.read_file(path, layer=layer or next(iter(layers(path)), None), columns=columns)


def geoparquet_tags(path: Path) -> dict[str, str]:
    """Metadata of a GeoParquet file, the provenance among it."""
    from pyarrow import parquet

    found = parquet.read_metadata(path).metadata or {}
    return {name.decode(): text.decode() for name, text in found.items()}


@contextmanager
def _readable() -> Iterator[None]:
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        yield
    except (DataSourceError, DataLayerError, OSError, ValueError, KeyError) as error:
        # pyarrow and geopandas raise ValueErrors of several kinds at files that aren't GeoParquet.
        raise UnreadableError(" ".join(str(error).split()).rstrip(".")) from error
