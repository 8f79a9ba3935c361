"""Strips to a Cloud-Optimized GeoTIFF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.windows import Window

from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.scene.ground import Ground
from landslide_cli.typing import Bytes


class RasterWriter:
    """Writes strips one after another into a plain tiled GeoTIFF."""

    def __init__(self, dst: Any) -> None:
        self._dst = dst

    def write(self, top: int, rows: Bytes) -> None:
        """Write full-width rows, uint8, shape ``(rows, width)``, from ``top`` on."""
        self._dst.write(rows, 1, window=Window(0, top, rows.shape[1], rows.shape[0]))


@contextmanager
def writing_cog(
    path: Path,
    *,
    size: tuple[int, int],
    ground: Ground,
    scale: float,
    description: str,
    tags: dict[str, str],
    overviews: Resampling,
) -> Iterator[RasterWriter]:
    """Write uint8 strips to a Cloud-Optimized GeoTIFF with overviews.

    GDAL's COG driver only copies, so the strips go into a plain GeoTIFF beside ``path`` first, which is compressed
    quickly rather than well.

    Args:
        path: Where the finished file goes.
        size: Rows and columns.
        ground: Where the pixels lie.
        scale: What one stored step means; GDAL and QGIS show stored values times this.
        description: Name of the band.
        tags: Provenance.
        overviews: How overviews are resampled.
    """
    profile = {
        "driver": "GTiff", "height": size[0], "width": size[1], "count": 1, "dtype": "uint8",
        "crs": ground.crs, "transform": ground.transform, "nodata": NODATA,
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1, "bigtiff": "if_safer",
        "sparse_ok": True,  # nothing lies where nothing was analysed
    }  # fmt: skip
    with TemporaryDirectory(dir=path.parent, prefix="plain-") as folder:
        plain = Path(folder) / "plain.tif"
        with rasterio.open(plain, "w", **profile) as dst:
            dst.scales, dst.offsets = (scale,), (0.0,)
            dst.set_band_description(1, description)
            dst.update_tags(**tags)
            yield RasterWriter(dst)
        rasterio.shutil.copy(
            plain, path, driver="COG", compress="deflate", predictor="yes", bigtiff="if_safer",
            blocksize=512, overview_resampling=overviews.name, num_threads="all_cpus",
        )  # fmt: skip
