from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.tiling.grid import DEFAULT_OVERLAP, Axis, Grid, fitting_size, mirrored

sizes = st.integers(1, 40)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    def axis() -> Axis:
        size = draw(sizes)
        return Axis(draw(st.integers(1, 150)), size, draw(st.integers(0, size // 2)))

    return Grid(axis(), axis())


@given(grids())
def test_blend_weights_are_positive_and_sum_to_one(grid: Grid) -> None:
    total = np.zeros((grid.rows.length, grid.cols.length))
    for tile in grid.tiles():
        weights = np.outer(tile.row_blend, tile.col_blend)
        assert (weights > 0).all()
        total[tile.inside.toslices()] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(grids())
def test_neighbours_count_alike_in_what_they_share(grid: Grid) -> None:
    for axis in (grid.rows, grid.cols):
        for index in range(1, axis.count - 1):  # those with a neighbour on both sides
            shares = axis.blend_weights(index)
            if len(shares) == axis.size:
                np.testing.assert_allclose(shares, shares[::-1], atol=1e-6)


@given(grids())
def test_tiles_are_as_many_as_promised_and_none_is_idle(grid: Grid) -> None:
    tiles = list(grid.tiles())
    assert len(tiles) == len(grid)
    for tile in tiles:
        assert (tile.window.height, tile.window.width) == (grid.rows.size, grid.cols.size)
        assert tile.inside.height > (grid.rows.overlap if tile.row else 0)
        assert tile.inside.width > (grid.cols.overlap if tile.col else 0)


@given(grids())
def test_a_settled_row_gets_nothing_from_later_tiles(grid: Grid) -> None:
    for row in range(grid.rows.count - 1):
        assert grid.rows.settled(row) <= grid.rows.start(row + 1)
    assert grid.rows.settled(grid.rows.count - 1) == grid.rows.length


def test_the_scenes_border_carries_full_weight() -> None:
    for tile in Grid.square(900, 900).tiles():
        if tile.row == 0:
            assert tile.row_blend[0] == 1
        if tile.row == 2:
            assert tile.row_blend[-1] == 1


@given(st.integers(0, 50), st.integers(1, 80), st.integers(1, 30))
def test_mirroring_is_that_of_numpy(before: int, after: int, length: int) -> None:
    expected = np.pad(np.arange(length), (before, after), mode="symmetric")
    assert (mirrored(-before, before + length + after, length) == expected).all()


@pytest.mark.parametrize(("length", "size", "overlap"), [(0, 5, 0), (5, 0, 0), (5, 4, 3), (5, 4, -1)])
def test_impossible_axes_are_refused(length: int, size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Axis(length, size, overlap)


@given(st.floats(0.1, 5000), st.floats(0.1, 5000))
def test_small_scenes_get_windows_that_just_hold_them(height: float, width: float) -> None:
    size = fitting_size(height, width, 512)
    assert size % 32 == 0
    assert 64 <= size <= 512
    assert size == 512 or size >= max(height, width)
    assert size == 64 or size < max(height, width) + 32


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(64, 512), st.integers(0, 256))
def test_windows_that_fit_share_no_more_than_half(height: int, width: int, largest: int, overlap: int) -> None:
    grid = Grid.fitting(height, width, largest, overlap)
    size = fitting_size(height, width, largest)
    for axis, length in ((grid.rows, height), (grid.cols, width)):
        assert (axis.length, axis.size, axis.overlap) == (length, size, min(overlap, size // 2))


def test_windows_are_of_512_pixels_and_share_64() -> None:
    for grid in (Grid.square(900, 2000), Grid.fitting(900, 2000)):
        assert (grid.rows, grid.cols) == (Axis(900, 512, DEFAULT_OVERLAP), Axis(2000, 512, DEFAULT_OVERLAP))
    assert (len(Grid.square(960, 512)), len(Grid.square(961, 512))) == (2, 3)
