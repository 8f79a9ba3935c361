"""Tiles that are blended give the field back that they were cut from."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.windows import Window

from landslide_cli.errors import PredictionError
from landslide_cli.mosaic.blend import Prediction, Strip, Validity, blend
from landslide_cli.mosaic.encoding import NODATA, STEPS
from landslide_cli.tiling import resampling
from landslide_cli.tiling.grid import Axis, Grid, Tile
from landslide_cli.tiling.resampling import Scaling, resized


def packed(known: NDArray[np.bool_], grid: Grid, tile: Tile, rows: Scaling | None = None) -> Validity | None:
    """What a reader tells with a tile, of a scene whose rows are seen so."""
    if tile.col < grid.cols.count - 1:
        return None
    complete = rows.complete if rows else int
    first = complete(grid.rows.settled(tile.row - 1)) if tile.row else 0
    return Validity.of(known[first : complete(grid.rows.settled(tile.row))])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 24), st.data())
def test_blending_pieces_of_a_field_gives_the_field_back(
    height: int, width: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    grid = Grid(Axis(height, size, overlap), Axis(width, size, overlap))
    field = np.random.default_rng(0).random((height, width)).astype(np.float32)
    known = np.random.default_rng(1).random((height, width)) < 0.8
    tiles = (Prediction(tile, field[np.ix_(tile.rows, tile.cols)], packed(known, grid, tile)) for tile in grid.tiles())
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
    tiles = [
        Prediction(tile, field[:, tile.rows[:, None], tile.cols], packed(known, grid, tile, rows))
        for tile in grid.tiles()
    ]
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
    tiles = [Prediction(tile, rng.random((*layers, size, size), dtype=np.float32)) for tile in grid.tiles()]
    arrays, tensors = (
        list(blend((Prediction(one.tile, kind(one.probability)) for one in tiles), grid, spread=spread))
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
    tiles = (Prediction(tile, answer) for tile in grid.tiles())
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


def test_spread_is_blended_with_the_weights_of_the_probability() -> None:
    grid = Grid.square(50, 70, 32, 16)
    field = np.random.default_rng(0).random((2, 50, 70)).astype(np.float32) / 2
    tiles = [Prediction(tile, field[:, tile.rows[:, None], tile.cols]) for tile in grid.tiles()]
    strips = list(blend(tiles, grid, spread=True))
    stored = np.concatenate([strip.stored for strip in strips])
    spread = np.concatenate([strip.spread for strip in strips if strip.spread is not None])
    np.testing.assert_allclose(stored / STEPS, field[0], atol=0.5 / STEPS + 1e-5)
    np.testing.assert_allclose(spread / STEPS / 2, field[1], atol=0.25 / STEPS + 1e-5)
    alone = blend((replace(one, probability=one.probability[0]) for one in tiles), grid)
    assert (np.concatenate([strip.stored for strip in alone]) == stored).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("number", [0, 4, 8])
def test_what_is_no_number_ends_the_run_at_its_window(wrong: float, kind: Any, number: int) -> None:
    grid = Grid.square(80, 80, 32, 8)
    tiles = [Prediction(tile, kind(np.zeros((32, 32), dtype=np.float32))) for tile in grid.tiles()]
    spoilt = tiles[number].tile
    tiles[number].probability[20, 12] = wrong
    row, col = int(spoilt.rows[20]), int(spoilt.cols[12])
    with pytest.raises(PredictionError, match=f"at row {row}, column {col} of the scene"):
        list(blend(iter(tiles), grid))


def test_a_strip_lies_across_the_whole_scene() -> None:
    assert Strip(7, np.zeros((3, 5), np.uint8)).window() == Window(0, 7, 5, 3)
