"""Elevation models made in code, and gdaldem."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from scipy import ndimage

from landslide_cli.inventory.terrain import open_terrain
from landslide_cli.scene.ground import Ground
from tests.conftest import UTM


def shown(*command: str) -> str:
    """What GDAL's own tool says; it must say nothing on stderr."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} (Debian: gdal-bin) is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Warning" not in done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


needs_gdaldem = pytest.mark.skipif(shutil.which("gdaldem") is None, reason="gdaldem (gdal-bin) is not installed")


DEM_TRANSFORM = Affine(10, 0, 499_500, 0, -10, 2_950_500)


def hills(height: int, width: int, seed: int = 3) -> NDArray[np.float32]:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 4)
    return (field / field.std() * 60 + 500).astype(np.float32)


def write_dem(path: Path, heights: NDArray[Any], *, transform: Affine = DEM_TRANSFORM, crs: str | None = UTM,
              **profile: Any) -> Path:  # fmt: skip
    height, width = heights.shape
    with rasterio.open(path, "w", driver="GTiff", count=1, height=height, width=width, dtype=heights.dtype,
                       transform=transform, crs=crs, **profile) as dst:  # fmt: skip
        dst.write(heights, 1)
    return path


def measured(path: Path, placed: list[Any], *, crs: str = UTM) -> dict[str, NDArray[np.float64]]:
    """Terrain of polygons that are given in a CRS; the scene reaches around them."""
    left, bottom, right, top = shapely.total_bounds(placed)
    scene = Ground(Affine((right - left) / 9, 0, left, 0, (bottom - top) / 9, top), CRS.from_user_input(crs))
    with open_terrain(path, scene=scene, size=(9, 9)) as opened:
        return opened.measure(np.array(placed, dtype=object))


def gdaldem(mode: str, path: Path) -> NDArray[np.float64]:
    out = path.with_name(f"{mode}.tif")
    subprocess.run(["gdaldem", mode, path, out, "-q"], check=True)
    with rasterio.open(out) as src:
        return src.read(1, masked=True).astype(np.float64).filled(np.nan)
