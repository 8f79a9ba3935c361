"""Tables of docs/reliability.md, each found by its head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def write_table(lines: Sequence[str]) -> None:
    """Put a table in the place of the one with the same first line."""
    before, head, after = PAGE.read_text(encoding="utf-8").partition(lines[0] + "\n")
    _, end, rest = after.partition("\n\n")
    PAGE.write_text(before + head + "\n".join(lines[1:]) + end + rest, encoding="utf-8")
