"""Probability rasters are told from others by what is in them, and come back whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslide_cli.errors import ProbabilityError
from landslide_cli.mosaic import reading
from landslide_cli.mosaic.encoding import NODATA, SPREAD_STEP, STEPS
from landslide_cli.mosaic.reading import is_probability, open_mosaic
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, noise

PROBABILITY = {"nodata": NODATA, "scale": 1 / STEPS}
SPREAD = {"nodata": NODATA, "scale": SPREAD_STEP}


def write(
    path: Path, values: NDArray[Any], *, count: int = 1, scale: float = 1.0, transform: Affine = TRANSFORM, **more: Any
) -> Path:
    height, width = values.shape
    with rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype,
                       transform=transform, **{"crs": UTM} | more) as dst:  # fmt: skip
        for band in range(1, count + 1):
            dst.write(values, band)
        dst.scales = (scale,) * count
    return path


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 70))
def test_strips_are_the_whole_from_top_to_bottom(tmp_path: Path, height: int, width: int, at_once: int) -> None:
    stored, apart = noise(height, width), noise(height, width, seed=1)
    path = write(tmp_path / "prob.tif", stored, **PROBABILITY)
    spread = write(tmp_path / "spread.tif", apart, **SPREAD)
    told: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch, open_mosaic(path, spread=spread) as mosaic:
        patch.setattr(reading, "ROWS_AT_ONCE", at_once)
        strips = list(mosaic.strips(lambda done, total: told.append((done, total))))
        assert (mosaic.height, mosaic.width, mosaic.name) == (height, width, "prob.tif")
        assert (mosaic.rows(height - 1, height) == stored[-1:]).all()
    assert [strip.top for strip in strips] == list(range(0, height, at_once))
    assert (np.concatenate([strip.stored for strip in strips]) == stored).all()
    assert (np.concatenate([strip.spread for strip in strips]) == apart).all()  # type: ignore[misc]
    assert all(len(strip.stored) <= at_once for strip in strips)
    ends = [min(strip.top + at_once, height) * width for strip in strips]
    assert told == [(end, height * width) for end in ends]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nodata", [None, -9999.0, 0.25, float("nan")])
def test_floating_point_numbers_from_0_to_1_are_probabilities(tmp_path: Path, dtype: str, nodata: float | None) -> None:
    values = np.array([[0, 1, 0.25, 0.5, np.nan, np.inf, -np.inf]], dtype=dtype)
    if nodata == -9999:
        values[0, 3] = nodata
    stored = [0, 254, NODATA if nodata == 0.25 else 64, NODATA if nodata == -9999 else 127, NODATA, NODATA, NODATA]
    with open_mosaic(write(tmp_path / "f.tif", values, nodata=nodata)) as mosaic:
        assert mosaic.rows(0, 1).tolist() == [stored]


@pytest.mark.parametrize("value", [-0.001, 1.001, -9999.0, 255.0])
def test_others_are_refused_with_their_range(tmp_path: Path, value: float) -> None:
    values = np.array([[0.5, 0.25], [0.5, value]], dtype=np.float32)
    path = write(tmp_path / "f.tif", values)
    low, high = sorted([value, 0.25 if value > 1 else 0.5])
    with open_mosaic(path) as mosaic, pytest.raises(ProbabilityError, match=f"from {low:g} to {high:g}, but"):
        mosaic.rows(0, 2)


KINDS: dict[str, tuple[bool, dict[str, Any]]] = {
    "as detect writes it": (True, PROBABILITY),
    "spread": (False, SPREAD),
    "a mask": (False, {"nodata": NODATA, "scale": 1.0}),
    "another nodata value": (False, PROBABILITY | {"nodata": 0}),
    "no nodata value": (False, {"scale": 1 / STEPS}),
    "two bands": (False, PROBABILITY | {"count": 2}),
    "float32": (True, {"dtype": "float32"}),
    "float64": (True, {"dtype": "float64", "scale": 3.0}),
    "two bands of float32": (False, {"dtype": "float32", "count": 2}),
    "int16": (False, PROBABILITY | {"dtype": "int16"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_probability_is_told_from_other_rasters(kind: str, tmp_path: Path) -> None:
    expected, given = KINDS[kind]
    given = dict(given)
    path = write(tmp_path / "r.tif", np.zeros((3, 4), dtype=given.pop("dtype", "uint8")), **given)
    assert is_probability(path) == expected
    if not expected:
        with pytest.raises(ProbabilityError, match="no probability raster"), open_mosaic(path):
            pass


def test_what_is_no_raster_is_no_probability_raster(tmp_path: Path) -> None:
    assert not is_probability(tmp_path / "missing.tif")
    (tmp_path / "text.tif").write_text("no raster")
    assert not is_probability(tmp_path / "text.tif")


@pytest.mark.parametrize(
    "other",
    [
        PROBABILITY,
        SPREAD | {"nodata": 0},
        SPREAD | {"transform": TRANSFORM @ Affine.translation(1, 0)},
        SPREAD | {"shape": (3, 5)},
        SPREAD | {"shape": (4, 4)},
    ],
)
def test_a_spread_raster_of_another_run_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    path = write(tmp_path / "prob.tif", np.zeros((3, 4), np.uint8), **PROBABILITY)
    sound = write(tmp_path / "spread.tif", np.zeros((3, 4), np.uint8), **SPREAD)
    with open_mosaic(path, spread=sound) as mosaic:
        assert mosaic.spread is not None
    other = dict(other)
    spread = write(tmp_path / "other.tif", np.zeros(other.pop("shape", (3, 4)), np.uint8), **other)
    with pytest.raises(ProbabilityError, match="is not the spread raster of"), open_mosaic(path, spread=spread):
        pass


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, ""),
        ({"shape": (30, 41)}, "is 41 x 30 pixels, scene.tif is 40 x 30"),
        ({"shape": (31, 40)}, "is 40 x 31 pixels, scene.tif is 40 x 30"),
        ({"transform": TRANSFORM @ Affine.translation(0, 1)}, "lies elsewhere than scene.tif or in another CRS"),
        ({"crs": "EPSG:32647"}, "lies elsewhere than scene.tif or in another CRS"),
    ],
)
def test_a_raster_of_another_scene_is_told(
    make_scene: MakeScene, tmp_path: Path, other: dict[str, Any], why: str
) -> None:
    other = dict(other)
    path = write(tmp_path / "p.tif", np.zeros(other.pop("shape", (30, 40)), np.uint8), **PROBABILITY | other)
    with (
        open_scene(make_scene(noise(3, 30, 40)), wanted=("red", "green", "blue")) as scene,
        open_mosaic(path) as mosaic,
    ):
        assert mosaic.misfit(scene) == why


def test_blocks_taller_than_a_strip_are_decoded_once(tmp_path: Path) -> None:
    """Two rows of them fit into GDAL's cache, and what other rasters need beside them."""
    path = write(tmp_path / "p.tif", np.zeros((1200, 30), np.float32), blockysize=1000)
    spread = write(tmp_path / "p8.tif", np.zeros((1200, 30), np.uint8), **PROBABILITY)
    apart = write(tmp_path / "s8.tif", np.zeros((1200, 30), np.uint8), **SPREAD)
    with open_mosaic(path, cache_bytes=7):
        assert rasterio.env.getenv()["GDAL_CACHEMAX"] == 7 + 2 * 1000 * 30 * 4
    with open_mosaic(spread, spread=apart):
        assert rasterio.env.getenv()["GDAL_CACHEMAX"] == 3 * 512 * 30
