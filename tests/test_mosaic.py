from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling

from landslide_cli.mosaic.blend import blend
from landslide_cli.mosaic.cog import writing_cog
from landslide_cli.mosaic.encoding import NODATA, STEPS, quantise, stored_threshold
from landslide_cli.tiling import resampling
from landslide_cli.tiling.grid import Axis, Grid, Tile
from landslide_cli.tiling.resampling import Scaling, resized
from tests.conftest import TRANSFORM, UTM


def packed(known: NDArray[np.bool_], grid: Grid, tile: Tile, rows: Scaling | None = None) -> NDArray[np.uint8] | None:
    """What a reader tells with a tile, of a scene whose rows are seen so."""
    if tile.col < grid.cols.count - 1:
        return None
    complete = rows.complete if rows else int
    first = complete(grid.rows.settled(tile.row - 1)) if tile.row else 0
    return np.packbits(known[first : complete(grid.rows.settled(tile.row))], axis=1)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 24), st.data())
def test_blending_pieces_of_a_field_gives_the_field_back(
    height: int, width: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    grid = Grid(Axis(height, size, overlap), Axis(width, size, overlap))
    field = np.random.default_rng(0).random((height, width)).astype(np.float32)
    known = np.random.default_rng(1).random((height, width)) < 0.8
    tiles = ((tile, field[np.ix_(tile.rows, tile.cols)], packed(known, grid, tile)) for tile in grid.tiles())
    strips = list(blend(tiles, grid))
    assert [strip.top for strip in strips] == list(np.cumsum([0, *(len(strip.stored) for strip in strips)])[:-1])
    stored = np.concatenate([strip.stored for strip in strips])
    assert (stored[~known] == NODATA).all()
    np.testing.assert_allclose(stored[known] / STEPS, field[known], atol=0.5 / STEPS + 1e-5)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 24), st.floats(0.3, 9), st.data())
def test_what_was_seen_coarser_or_finer_is_resampled_as_a_whole(
    height: int, width: int, size: int, factor: float, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    rows, cols = (Scaling(length, max(1, round(length / factor))) for length in (height, width))
    grid = Grid(Axis(rows.seen, size, overlap), Axis(cols.seen, size, overlap))
    field = np.random.default_rng(0).random((2, rows.seen, cols.seen)).astype(np.float32) / 2
    known = np.random.default_rng(1).random((height, width)) < 0.8
    tiles = [(tile, field[:, tile.rows[:, None], tile.cols], packed(known, grid, tile, rows)) for tile in grid.tiles()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "PIXELS_AT_ONCE", 200)
        strips = list(blend(tiles, grid, scene=(rows, cols), spread=True))
    assert [strip.top for strip in strips] == list(np.cumsum([0, *(len(strip.stored) for strip in strips)])[:-1])
    assert max(strip.stored.size for strip in strips) <= max(200, width)
    whole = resized(field, (height, width))
    stored = np.concatenate([strip.stored for strip in strips])
    assert ((stored == NODATA) == ~known).all()
    np.testing.assert_allclose(stored[known] / STEPS, whole[0][known], atol=0.5 / STEPS + 1e-4)
    spread = np.concatenate([strip.spread for strip in strips if strip.spread is not None])
    np.testing.assert_allclose(spread[known] / STEPS / 2, whole[1][known], atol=0.25 / STEPS + 1e-4)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 24), st.booleans())
def test_tensors_are_blended_as_arrays_are(height: int, width: int, size: int, spread: bool) -> None:
    """Where they are: what is seen here on the CPU is what a card does."""
    grid = Grid.square(height, width, size, size // 3)
    rng = np.random.default_rng(0)
    layers = (2,) if spread else ()
    tiles = [(tile, rng.random((*layers, size, size), dtype=np.float32), None) for tile in grid.tiles()]
    arrays, tensors = (
        list(blend(((tile, kind(answer), None) for tile, answer, _ in tiles), grid, spread=spread))
        for kind in (np.asarray, torch.from_numpy)
    )
    for one, other in zip(arrays, tensors, strict=True):
        assert one.top == other.top
        assert (one.stored == other.stored).all()
        assert (one.spread is None) == (other.spread is None) == (not spread)
        assert one.spread is None or (one.spread == other.spread).all()


def test_blending_needs_little_more_than_the_rows_of_a_window() -> None:
    grid = Grid(Axis(2_000, 800, 200), Axis(10_000, 500, 100))
    answer = np.full((800, 500), 0.5, dtype=np.float32)
    tiles = ((tile, answer, None) for tile in grid.tiles())
    rows = 800 * 10_000 * 4
    tracemalloc.start()
    try:
        for strip in blend(tiles, grid):
            assert (strip.stored == 127).all()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 600 rows are finished at once, 24 MB as float32.
    assert peak - rows < 20e6


@given(st.floats(0.001, 1))
def test_a_stored_value_counts_if_its_probability_reaches_the_threshold(threshold: float) -> None:
    stored = np.arange(STEPS + 1)
    assert ((stored >= stored_threshold(threshold)) == (stored / STEPS >= threshold - 1e-11)).all()


def test_quantising_keeps_its_range() -> None:
    values = np.array([[-0.1, 0.0, 0.5, 1.0, 1.1, 0.3]], dtype=np.float32)
    known = np.array([[True, True, True, True, True, False]])
    assert quantise(values, known).tolist() == [[0, 0, 127, 254, 254, 255]]


def test_a_raster_is_a_cog_that_shows_probabilities(tmp_path: Path) -> None:
    path = tmp_path / "prob.tif"
    rows = np.random.default_rng(0).integers(0, 256, (1100, 1300)).astype(np.uint8)
    with writing_cog(
        path, height=1100, width=1300, transform=TRANSFORM, crs=rasterio.CRS.from_string(UTM), scale=1 / STEPS,
        description="probability", tags={"MADE_BY": "test"}, overviews=Resampling.average,
    ) as writer:  # fmt: skip
        for top in range(0, 1100, 300):
            writer.write(top, rows[top : top + 300])
    with rasterio.open(path) as src:
        assert src.profile["blockxsize"] == 512
        assert src.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert src.overviews(1) == [2, 4]
        assert src.scales == (pytest.approx(1 / STEPS),)
        assert (src.nodata, src.transform, src.crs, src.descriptions) == (255, TRANSFORM, UTM, ("probability",))
        assert src.tags()["MADE_BY"] == "test"
        assert (src.read(1) == rows).all()
    assert [file.name for file in tmp_path.iterdir()] == ["prob.tif"]
