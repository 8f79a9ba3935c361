"""The table that `landslide evaluate` prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landslide_cli.evaluation.text import as_numbers, as_text
from tests.evaluation.conftest import constant_one, judged, views


def test_the_table_shows_both_conventions(chips: Path) -> None:
    text = as_text(judged(constant_one(), views(chips)))
    assert "stand-in: 5 images (3 with landslide), 0.0176 Mpx" in text
    for line in (
        "  pooled",
        "  mean",
        "  IoU >= 0.1",
        "by group",
        "by source",
        "  slides",
        "false alarms",
        "calibration",
    ):
        assert any(row.startswith(line) for row in text.splitlines()), line
    assert "100.00% of the 2 images without landslide, 2 of which have any" in text
    assert as_text(judged(constant_one(), views(chips)[3:])).count("no true landslide") == 1


def test_numbers_have_six_digits_after_the_point(chips: Path) -> None:
    def floats(value: Any) -> Iterator[float]:
        if isinstance(value, float):
            yield value
        elif isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from floats(one)

    found = list(floats(as_numbers(judged(constant_one(), views(chips)))))
    assert len(found) > 30
    assert [value for value in found if value != round(value, 6)] == []
