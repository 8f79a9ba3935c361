"""Blocks that keep neighbouring chips together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from landslide_cli.chips.blocks import Blocks


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 64), st.integers(1, 70), st.integers(1, 5))
def test_windows_of_blocks_cover_the_scene(height: int, width: int, chip: int, stride: int, block: int) -> None:
    blocks = Blocks(height, width, chip, chip * block)
    seen = np.zeros((height, width), bool)
    for _, place in blocks:
        for window in blocks.grid(place, min(stride, chip)):
            seen[window.toslices()] = True
            assert window.height == min(chip, height)
            assert window.width == min(chip, width)
            assert _inside(window, place)
        assert _inside(blocks.centred(place, place.row_off, place.col_off + place.width - 1), place)
    assert seen.all()


def _inside(window: Window, block: Window) -> bool:
    return bool(
        block.row_off <= window.row_off
        and block.col_off <= window.col_off
        and window.row_off + window.height <= block.row_off + block.height
        and window.col_off + window.width <= block.col_off + block.width
    )
