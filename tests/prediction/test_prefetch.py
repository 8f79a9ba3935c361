from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.prediction import prefetch
from landslide_cli.prediction.prefetch import ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_the_items_come_in_their_order(items: list[int], depth: int) -> None:
    assert list(ahead(items, depth)) == items


@given(st.integers(0, 9), st.integers(1, 4))
def test_an_error_comes_where_its_item_was_due(good: int, depth: int) -> None:
    def failing() -> Iterator[int]:
        yield from range(good)
        raise LookupError("gone")

    seen = []
    with pytest.raises(LookupError, match="gone"):
        for item in ahead(failing(), depth):
            seen.append(item)
    assert seen == list(range(good))


def test_no_more_items_are_made_than_wanted() -> None:
    made: list[int] = []

    def counting() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    stream = ahead(counting(), 3)
    for _ in range(10):
        next(stream)
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(made) <= 10 + 3 + 1
    stream.close()  # type: ignore[attr-defined]


def test_a_slow_reader_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often what is made finds no room."""
    monkeypatch.setattr(prefetch, "PATIENCE_S", 0.001)
    seen = []
    for item in ahead(range(6), 1):
        time.sleep(0.02)
        seen.append(item)
    assert seen == list(range(6))


def test_leaving_early_ends_the_thread_and_closes_what_it_used() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    before = threading.active_count()
    for _ in ahead(endless(), 2):
        break
    assert closed.wait(2)
    assert threading.active_count() == before


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = [threading.Event() for _ in range(10)]

    def making() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in ahead(making(), 1):
        assert made[min(number + 1, 9)].wait(2)


def test_depth_is_checked() -> None:
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        list(ahead([1], 0))
