"""How many windows at once: as many as fit and pay, and fewer where memory runs out."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.engine.batch_size import LARGEST, Halving, choose_batch_size
from tests.conftest import RANGE, noise
from tests.engine.conftest import Card, opened


@given(most=st.integers(1, 20), batch_size=st.integers(1, 20), batches=st.integers(1, 3))
def test_a_shortage_of_memory_changes_no_probability(most: int, batch_size: int, batches: int) -> None:
    card, plenty = Card(most, batch_size), Card(99, batch_size)
    halving = Halving(card)
    for number in range(batches):
        pixels = noise(batch_size, 3, 4, 4, seed=number)
        np.testing.assert_array_equal(halving(pixels, RANGE), plenty(pixels))
    # Once halved it stays so: each size that failed was tried once.
    failed = [size for size in card.asked if size > most]
    assert len(failed) == len(set(failed))
    assert halving.batch_size == batch_size


def test_halving_is_told_and_a_single_window_that_does_not_fit_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Halving(Card(2, 8))(noise(8, 3, 4, 4), RANGE)
    assert [record.message for record in caplog.records] == [
        "memory of cpu is out; asked again, and from now on, about 4 windows at once",
        "memory of cpu is out; asked again, and from now on, about 2 windows at once",
    ]
    with pytest.raises(torch.OutOfMemoryError):
        Halving(Card(0, 2))(noise(2, 3, 4, 4), RANGE)


@given(
    overhead=st.floats(0, 10), window=st.floats(0.01, 1), room=st.integers(1, 200), most=st.integers(1, 200),
    known=st.booleans(),
)  # fmt: skip
def test_the_batch_grows_while_it_fits_and_pays(
    overhead: float, window: float, room: int, most: int, known: bool
) -> None:
    """Whether the shortage is known before or shows only when it's tried."""

    def seconds(windows: int) -> float:
        if windows > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return overhead + windows * window

    chosen = choose_batch_size(seconds, lambda windows: windows <= room or not known, most=most)
    assert chosen in (1, 2, 4, 8, 16, 32, 64)
    assert chosen <= max(1, min(room, most, LARGEST))
    rates = {n: n / (overhead + n * window) for n in (chosen // 2, chosen, 2 * chosen) if n}
    assert rates[chosen] >= 1.05 * rates.get(chosen // 2, 0)
    if 2 * chosen <= min(room, most, LARGEST):
        assert rates[2 * chosen] < 1.05 * rates[chosen]


def test_the_cpu_gets_one_window_at_a_time_and_the_user_what_he_asks_for(small_model: Path) -> None:
    assert opened(small_model).engine.batch_size == 1
    assert opened(small_model, batch_size=3).engine.batch_size == 3
