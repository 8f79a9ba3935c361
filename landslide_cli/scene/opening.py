"""Opening rasters to read them, in one place: nothing is written beside them, and nothing is fetched unasked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from landslide_cli.errors import SceneError, shown
from landslide_cli.files.belonging import descriptions, is_fatal, leaving_no_traces, remote_source
from landslide_cli.scene.remote import reaching

MOST_BLOCK_BYTES = 768 << 20
MOST_BANDS = 1000  # rasterio asks all of them about each read


@contextmanager
def opened(
    raster: str | os.PathLike[str], *, remote: bool = False, overview: int | None = None
) -> Iterator[DatasetReader]:
    """Open a raster for reading.

    Args:
        raster: Any name that GDAL takes.
        remote: Let a local file, such as a VRT, name sources on other machines.
        overview: Number of the overview that is opened in place of the raster.

    Raises:
        SceneError: a local file names sources on other machines, would end the process, or has too large blocks.
        RasterioError: it can't be opened.
    """
    told = list(descriptions(raster))
    source = None if remote else remote_source(told)
    if source:
        raise SceneError(
            f"{shown(os.fspath(raster))} reads from {source}, which is on another machine; allow it with "
            "--allow-remote, or copy it here first"
        )
    if is_fatal(told):
        raise SceneError(f"{shown(os.fspath(raster))} filters a source without a kernel; build it anew (gdalbuildvrt)")
    options = {} if overview is None else {"overview_level": overview}
    with reaching(raster), leaving_no_traces([raster]):
        with warnings.catch_warnings():
            # What lies nowhere is told in words of ours, where it matters.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            src = rasterio.open(raster, **options)
        with src:
            if src.count > MOST_BANDS:
                raise SceneError(
                    f"{shown(src.name)} has {src.count} bands, more than the {MOST_BANDS} that are read; take some out "
                    "first: gdal_translate -b NUMBER -b NUMBER -b NUMBER"
                )
            _refuse_huge_blocks(src)
            yield src


def _refuse_huge_blocks(src: DatasetReader) -> None:
    """GDAL reads whole blocks, and those of interleaved pixels with all of their bands."""
    if not src.count:
        return
    down, across = src.block_shapes[0]
    together = src.count if src.interleaving == Interleaving.pixel else 1
    size = down * across * together * _bytes_of(src.dtypes[0])
    if size > MOST_BLOCK_BYTES:
        name = shown(src.name)
        raise SceneError(
            f"{name} is stored in blocks of {across} x {down} pixels, {size / 1e9:.1f} GB each; rewrite it in small "
            f"ones: gdal_translate -co TILED=YES -co BIGTIFF=IF_SAFER {name} tiled.tif"
        )


def _bytes_of(dtype: str) -> int:
    # complex_int16 is GDAL's alone.
    return 4 if dtype == "complex_int16" else np.dtype(dtype).itemsize
