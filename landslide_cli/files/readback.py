"""Reading outputs back before they get their names: a disk that is full shows only there.

GDAL's drivers tell of a failed write at close at best, and rasterio, pyogrio and SQLite pass on only some of it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING

from landslide_cli.errors import OutputError, counted

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

FEATURES_AT_ONCE = 50_000
LARGE_JSON = 1 << 23  # bytes


def refuse_unsound(path: Path) -> None:
    """Bring a file to the disk and read it through.

    Raises:
        OutputError: it isn't what was written.
    """
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        CHECKS.get(path.suffix.lower(), _is_there)(path)
    except OutputError:
        raise
    except Exception as error:  # each reader has errors of its own, and any of them means the same here
        reason = " ".join(str(error).split())
        raise OutputError(
            f"{path.name} can't be read back after it was written: {reason}; nothing got its name. "
            "Look whether the disk is full or fails"
        ) from error


def _is_there(path: Path) -> None:
    if path.stat().st_size == 0:
        raise ValueError("it is empty")


def _raster(path: Path) -> None:
    """Unpack every block of every overview.

    Not through GDAL: it reads a block that has no place in the file as nodata, and some broken ones in part.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as src:
            levels = range(-1, len(src.overviews(1)))
        for level in levels:
            options = {} if level < 0 else {"overview_level": level}
            with rasterio.open(path, **options) as src, path.open("rb") as file:
                _refuse_broken_blocks(src, file)


def _refuse_broken_blocks(src: DatasetReader, file: IO[bytes]) -> None:
    down, across = src.block_shapes[0]
    packed = src.profile.get("compress") == "deflate"
    for row in range(-(-src.height // down)):
        for col in range(-(-src.width // across)):
            place, size = (src.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1) for what in ("OFFSET", "SIZE"))
            if place is None or size is None:
                raise ValueError(f"the block in row {row}, column {col} isn't there")
            file.seek(int(place))
            block = file.read(int(size))
            if len(block) < int(size):
                raise ValueError(f"the block in row {row}, column {col} ends too soon")
            if packed:
                zlib.decompress(block)


def _geopackage(path: Path) -> None:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as file:
        ((told,),) = file.execute("PRAGMA quick_check(1)").fetchall()
        if told != "ok":
            raise ValueError(told)
        # An empty file is a sound database, but no GeoPackage.
        file.execute("SELECT count(*) FROM gpkg_contents").fetchall()


def _vector(path: Path) -> None:
    """Read every feature."""
    import pyogrio
    import pyogrio.raw

    promised = pyogrio.read_info(path, force_feature_count=True)["features"]
    first, count = 0, FEATURES_AT_ONCE
    while count == FEATURES_AT_ONCE:
        _, _, geometry, _ = pyogrio.raw.read(path, skip_features=first, max_features=FEATURES_AT_ONCE)
        if any(wkb is None for wkb in geometry):
            raise ValueError("a polygon is missing")
        count = len(geometry)
        first += count
    if first != promised:
        raise ValueError(f"it holds {first} of {counted(promised, 'feature')}")


def _shapefile(path: Path) -> None:
    """GDAL reads a table that ends too soon as one of empty texts, so the headers' promises are compared first."""
    for ending in (".shp", ".shx"):
        _refuse_shorter(path.with_suffix(ending), 100)
        with path.with_suffix(ending).open("rb") as file:
            (words,) = struct.unpack(">i", file.read(28)[24:])
        _refuse_shorter(path.with_suffix(ending), 2 * words)
    _refuse_shorter(path.with_suffix(".dbf"), 32)
    with path.with_suffix(".dbf").open("rb") as file:
        rows, header, width = struct.unpack("<IHH", file.read(12)[4:])
    _refuse_shorter(path.with_suffix(".dbf"), header + rows * width)
    _vector(path)


def _refuse_shorter(path: Path, size: int) -> None:
    if path.stat().st_size < size:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes and should have {size}")


def _parquet(path: Path) -> None:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    for batch in file.iter_batches(batch_size=20_000):
        batch.validate(full=True)


def _json(path: Path) -> None:
    """A STAC item, or an inventory, which may be large and has a reader of its own then."""
    if path.stat().st_size > LARGE_JSON:
        _vector(path)
        return
    with path.open(encoding="utf-8") as file:
        json.load(file)


def _tensors(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118  (not a dictionary)
            file.get_slice(name).get_shape()


CHECKS: dict[str, Callable[[Path], None]] = {
    ".tif": _raster,
    ".tiff": _raster,
    ".gpkg": _geopackage,
    ".shp": _shapefile,
    ".geojson": _vector,
    ".fgb": _vector,
    ".parquet": _parquet,
    ".json": _json,
    ".safetensors": _tensors,
}
