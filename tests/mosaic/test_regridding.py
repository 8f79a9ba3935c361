"""Probability on another grid: what comes strip by strip is what whole arrays give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioIOError
from rasterio.warp import Resampling, reproject, transform
from scipy.ndimage import maximum_filter

from landslide_cli.errors import ProbabilityError, SceneError
from landslide_cli.mosaic import regridding
from landslide_cli.mosaic.encoding import NODATA, STEPS
from landslide_cli.mosaic.regridding import default_shift_m, regridded
from landslide_cli.scene.ground import Ground
from tests.conftest import TRANSFORM, UTM

PIXEL_M = (0.8, 0.8)


def write(path: Path, stored: NDArray[Any], *, transform: Affine = TRANSFORM, crs: str | None = UTM) -> Path:
    height, width = stored.shape
    nodata = NODATA if stored.dtype == np.uint8 else None
    with rasterio.open(path, "w", driver="GTiff", count=1, height=height, width=width, dtype=stored.dtype,
                       nodata=nodata, transform=transform, crs=crs) as dst:  # fmt: skip
        dst.write(stored, 1)
        dst.scales = (1 / STEPS if stored.dtype == np.uint8 else 1.0,)
    return path


def strips(
    path: Path, ground: Ground, size: tuple[int, int], cuts: Sequence[int] = (), **how: Any
) -> NDArray[np.uint8]:
    edges = sorted({0, size[0], *(cut % size[0] for cut in cuts)})
    with regridded(path, ground, size, **how) as opened:
        return np.concatenate([opened.rows(a, b) for a, b in pairwise(edges)])


def highest(stored: NDArray[np.uint8], down: int, across: int) -> NDArray[np.uint8]:
    """The same with whole arrays: unknown pixels count for nothing nearby, and stay unknown."""
    known = np.where(stored == NODATA, -1, stored.astype(int))
    found = maximum_filter(known, (2 * down + 1, 2 * across + 1), mode="constant", cval=-1)
    return np.where(stored == NODATA, NODATA, found).astype(np.uint8)


sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(
    stored=hnp.arrays(np.uint8, sizes, elements=st.sampled_from([0, 9, 254, 255])),
    down=st.integers(0, 5), across=st.integers(0, 5), cuts=st.lists(st.integers(0, 100), max_size=9),
)  # fmt: skip
def test_on_its_own_grid_it_is_the_maximum_of_the_whole(
    stored: Any, down: int, across: int, cuts: list[int], tmp_path: Path
) -> None:
    path = write(tmp_path / "p.tif", stored)
    ground = Ground(TRANSFORM, CRS.from_string(UTM), (12 / down if down else 100.0, 12 / across if across else 100.0))
    found = strips(path, ground, stored.shape, cuts, shift_m=12 if down or across else 0)
    expected = highest(stored, down or (1 if across else 0), across or (1 if down else 0))
    assert (found == expected).all()


GRIDS = {
    "coarser": (UTM, Affine(5, 0, 500_003, 0, -5, 2_949_960), (40, 50)),
    "finer": (UTM, Affine(0.3, 0, 500_050.1, 0, -0.3, 2_949_940.2), (150, 170)),
    "south-up": (UTM, Affine(0.8, 0, 499_990, 0, 0.8, 2_949_800), (200, 180)),
    "turned": (UTM, Affine.translation(500_080, 2_949_900) @ Affine.rotation(30) @ Affine.scale(1, -1), (160, 150)),
    "degrees": ("EPSG:4326", Affine(1e-5, 0, 105.0002, 0, -9e-6, 26.6717), (180, 160)),
    "another zone": ("EPSG:32647", None, (160, 170)),
    "with heights": (UTM + "+5773", TRANSFORM @ Affine.translation(20.4, 31.7), (150, 140)),
}
PIXEL_SIDES = {
    "coarser": 5.0,
    "finer": 0.3,
    "turned": 1.0,
    "degrees": 1.0,
    "another zone": 0.9,
    "south-up": 0.8,
    "with heights": 0.8,
}


@pytest.mark.parametrize("name", GRIDS)
def test_on_any_grid_it_is_what_gdal_warps_at_once(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 255, (22, 20)).astype(np.uint8)
    stored = np.kron(coarse, np.ones((12, 12), np.uint8))
    stored[100:140, 60:90] = NODATA
    path = write(tmp_path / "p.tif", stored)
    crs, grid, size = GRIDS[name]
    if grid is None:
        (x,), (y,) = transform(UTM, crs, [500_040], [2_949_950])
        grid = Affine.translation(x, y) @ Affine.rotation(-4) @ Affine.scale(0.9, -0.9)
    side = PIXEL_SIDES[name]
    ground = Ground(grid, CRS.from_user_input(crs), (side, side))
    expected = np.full(size, NODATA, np.uint8)
    share = min(1, 0.8 / side)  # GDAL's own guess at it differs from block to block
    reproject(stored, expected, src_transform=TRANSFORM, src_crs=UTM, src_nodata=NODATA, dst_transform=grid,
              dst_crs=crs.partition("+")[0], dst_nodata=NODATA, resampling=Resampling.bilinear, XSCALE=share,
              YSCALE=share)  # fmt: skip
    assert (expected != NODATA).mean() > 0.1
    plain = strips(path, ground, size, [37, 90, 91], shift_m=0)
    assert ((plain == NODATA) == (expected == NODATA)).all()
    assert np.abs(plain.astype(int) - expected).max() <= 1
    assert (plain == expected).mean() > 0.99
    # Near that, the way is ours alone, and exact.
    reach = math.ceil(3 / side - 1e-6)
    assert (strips(path, ground, size, [5, 60, 133], shift_m=3) == highest(plain, reach, reach)).all()


def test_by_default_three_pixels_of_the_coarser_one(tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", np.zeros((40, 40), np.uint8))
    for ours, told in ((PIXEL_M, 3 * 0.8), ((5.0, 5.0), 15.0)):
        with regridded(path, Ground(TRANSFORM, CRS.from_string(UTM), ours), (40, 40)) as opened:
            assert opened.shift_m == pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "shift_m"), [(0.8, 5.0, 15), (5.0, 0.8, 15), (None, 0.3, 0.9), (0.3, None, 0.9), (None, None, 0)]
)
def test_what_has_no_pixels_in_metres_shifts_nothing(one: float | None, other: float | None, shift_m: float) -> None:
    grounds = [Ground(TRANSFORM, None, (side, side) if side else None) for side in (one, other)]
    assert default_shift_m(*grounds) == pytest.approx(shift_m)


def test_floating_point_numbers_are_probabilities_as_well(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    values[3:6, 4:9] = math.nan
    path = write(tmp_path / "p.tif", values)
    wider = Ground(TRANSFORM @ Affine.translation(-5, -5), CRS.from_string(UTM), PIXEL_M)
    found = strips(path, wider, (40, 50), shift_m=0)
    known = np.full((40, 50), NODATA)
    known[5:25, 5:35] = np.where(np.isnan(values), NODATA, np.nan_to_num(values) * STEPS + 0.5)
    assert (found == known.astype(np.uint8)).all()


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        (None, UTM, "the scene has no coordinate reference system"),
        (UTM, None, "p.tif has no coordinate reference system.*gdal_edit"),
        ('LOCAL_CS["quarry",UNIT["metre",1]]', UTM, "local coordinate system"),
    ],
)
def test_what_cannot_be_laid_over_is_refused(here: str | None, there: str | None, told: str, tmp_path: Path) -> None:
    path = write(tmp_path / "p.tif", np.zeros((9, 9), np.uint8), crs=there)
    ground = Ground(TRANSFORM, CRS.from_user_input(here) if here else None, PIXEL_M)
    with pytest.raises(SceneError, match=told), regridded(path, ground, (9, 9)):
        pass


def test_what_gdal_can_not_warp_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RasterioIOError("too far apart")

    monkeypatch.setattr(regridding, "WarpedVRT", failing)
    path = write(tmp_path / "p.tif", np.zeros((9, 9), np.uint8))
    ground = Ground(TRANSFORM, CRS.from_string(UTM), PIXEL_M)
    told = "can't be laid over the scene: too far apart; give one of the same"
    with pytest.raises(ProbabilityError, match=told), regridded(path, ground, (9, 9)):
        pass


def test_a_photograph_is_no_probability(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    with rasterio.open(path, "w", driver="GTiff", count=3, height=9, width=9, dtype="uint8", transform=TRANSFORM,
                       crs=UTM):  # fmt: skip
        pass
    ground = Ground(TRANSFORM, CRS.from_string(UTM), PIXEL_M)
    with pytest.raises(ProbabilityError, match="is no probability raster"), regridded(path, ground, (9, 9)):
        pass
