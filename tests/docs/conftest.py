"""Where the pages are, and whether what is printed is what a page shows."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
# What a page leaves out: lines, or a part of one.
LEFT_OUT = re.compile(r"^…\n|…", re.MULTILINE)
# What goes by the machine and what else it does.
OF_THE_MACHINE = re.compile(r"^(  (?:time|memory) ).*$", re.MULTILINE)
# What a network answers differs a little between processors.
SHARE, STEPS = 0.15, 2.0


def assert_agrees(shown: str, printed: str) -> None:
    """Words must be the same and numbers nearly; … stands for anything, on a line of its own for any lines."""
    shown, printed = _level(shown), _level(printed)
    parts = re.split(rf"({LEFT_OUT.pattern}|{NUMBER.pattern})", shown, flags=re.MULTILINE)
    gaps = {"…\n": "(?:.*\n)*", "…": ".*"}
    number = f"({NUMBER.pattern})"
    pattern = "".join(gaps.get(part, number if NUMBER.fullmatch(part) else re.escape(part)) for part in parts)
    found = re.fullmatch(pattern, printed)
    assert found, f"shown:\n{shown}\nprinted:\n{printed}"
    for one, other in zip(filter(NUMBER.fullmatch, parts), found.groups(), strict=True):
        a, b = (float(number.replace(",", "")) for number in (one, other))
        assert abs(a - b) <= max(SHARE * max(a, b), _step(one) * STEPS), f"{one} is shown, {other} printed:\n{printed}"


def _step(number: str) -> float:
    """One of the last digit."""
    return 10.0 ** -len(number.partition(".")[2])


def _level(text: str) -> str:
    """Without what goes by the machine, and without the blanks that pad columns, which go by the number of digits."""
    text = OF_THE_MACHINE.sub(r"\1", text)
    return re.sub(r"(?<=\S) {2,}|^ +(?=\d)", " ", text, flags=re.MULTILINE)
