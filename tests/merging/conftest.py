"""Inventories made in code: of probability rasters, and of polygons that are said outright."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.windows import Window

from landslide_cli import Outputs, PolygonRules, polygonize
from landslide_cli.typing import Float32
from tests.conftest import TRANSFORM, UTM

Box = tuple[float, float, float, float]


def write_probability(path: Path, values: Float32, transform: Affine = TRANSFORM, crs: str | None = UTM) -> Path:
    """A raster of probabilities; NaN is nodata."""
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1], dtype="float32",
        transform=transform, crs=crs, nodata=np.nan,
    ) as dst:  # fmt: skip
        dst.write(values, 1)
    return path


def cropped(folder: Path, name: str, values: Float32, window: Window, **settings: Any) -> Path:
    """The inventory of a part of a raster, named after it."""
    rows, cols = window.toslices()
    raster = write_probability(
        folder / f"{name}.tif", values[rows, cols], TRANSFORM @ Affine.translation(window.col_off, window.row_off)
    )
    out = folder / f"{name}.gpkg"
    polygonize(raster, Outputs(out), rules=PolygonRules(threshold=0.5, **settings))
    return out


def read(path: Path, layer: str = "landslides") -> geopandas.GeoDataFrame:
    return geopandas.read_file(path, layer=layer)


def edit(path: Path, *statements: str) -> None:
    """As QGIS saves edits: triggers that need GDAL's functions step aside."""
    with closing(sqlite3.connect(path)) as file, file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            file.execute(statement)


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., Path]:
    """Write an inventory of boxes (left, bottom, right, top, in metres from a corner) and of where a scene looked."""

    def write(
        name: str, slides: Sequence[Box], looked: Box | None = (0, 0, 100, 100), *, crs: str = UTM, **columns: Any
    ) -> Path:
        path = tmp_path / f"{name}.gpkg"
        placed = [shapely.box(*np.add(box, (500_000, 2_949_000) * 2)) for box in slides]
        columns = {"id": range(1, len(slides) + 1), "prob_mean": 0.7, "cut": False, **columns}
        frame = geopandas.GeoDataFrame({k: v for k, v in columns.items() if v is not None}, geometry=placed, crs=UTM)
        frame = frame.assign(pixels=(frame.area / 1).astype(int), scene=f"{name}.tif").to_crs(crs)
        pyogrio.write_dataframe(frame, path, layer="landslides", geometry_type="Polygon")
        if looked:
            box = shapely.box(*np.add(looked, (500_000, 2_949_000) * 2))
            there = geopandas.GeoDataFrame({"scene": [f"{name}.tif"]}, geometry=[box], crs=UTM).to_crs(crs)
            pyogrio.write_dataframe(there, path, layer="analysed", append=True)
        return path

    return write
