from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.packing import Packed, Packer


@given(st.integers(0, 9000), st.integers(1, 50), st.lists(st.integers(1, 9), max_size=4), st.booleans())
def test_strips_come_back_as_they_were(top: int, width: int, heights: list[int], spread: bool) -> None:
    rng = np.random.default_rng(0)
    packer, strips = Packer(top, width), []
    for height in heights:
        stored, apart = rng.integers(0, 256, (2, height, width)).astype(np.uint8)
        strips.append(Strip(packer.bottom, stored, apart if spread else None))
        packer.add(strips[-1])
    packed = Packed.from_bytes(packer.packed(7).to_bytes())
    assert (packed.top, packed.bottom, packed.width, packed.asked) == (top, top + sum(heights), width, 7)
    for one, other in zip(packed.strips(), strips, strict=True):
        assert one.top == other.top
        np.testing.assert_array_equal(one.stored, other.stored)
        assert (one.spread is None) == (other.spread is None)
        if one.spread is not None:
            np.testing.assert_array_equal(one.spread, other.spread)


@given(st.data())
def test_no_damage_passes(data: st.DataObject) -> None:
    packer = Packer(0, 40)
    packer.add(Strip(0, np.arange(400, dtype=np.uint8).reshape(10, 40)))
    raw = bytearray(packer.packed(1).to_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(raw), bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])):
        with pytest.raises(ValueError):
            Packed.from_bytes(damaged)


@pytest.mark.parametrize("change", [{"layers": 2}, {"heights": (10, 1)}, {"width": 41}])
def test_a_band_that_says_more_than_it_holds_ends(change: dict[str, Any]) -> None:
    packer = Packer(0, 40)
    packer.add(Strip(0, np.arange(400, dtype=np.uint8).reshape(10, 40)))
    with pytest.raises(ValueError, match="fewer values than it says"):
        list(replace(packer.packed(1), **change).strips())


@pytest.mark.parametrize("change", [{"layers": "1"}, {"heights": (1.5,)}, {"top": None}, {"asked": -1}])
def test_a_head_of_other_types_is_refused(change: dict[str, Any]) -> None:
    packer = Packer(0, 40)
    packer.add(Strip(0, np.arange(400, dtype=np.uint8).reshape(10, 40)))
    raw = replace(packer.packed(1), **change).to_bytes()
    with pytest.raises(ValueError):
        Packed.from_bytes(raw)
