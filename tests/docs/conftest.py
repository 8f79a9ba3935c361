"""Where the pages are, and whether what is printed is what a page shows."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
# What a network answers differs a little between processors.
SHARE, STEPS = 0.15, 2.0


def assert_agrees(shown: str, printed: str) -> None:
    """Words must be the same, and numbers nearly; … on a page stands for anything, on a line of its own for any lines."""
    words = [re.escape(part) for part in re.split(r"(?m)^…\n|…", NUMBER.sub("#", _level(shown)))]
    gaps = ["(?:.*\n)*" if gap == "…\n" else ".*" for gap in re.findall(r"(?m)^…\n|…", shown)]
    pattern = "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=True))
    assert re.fullmatch(pattern, NUMBER.sub("#", _level(printed))), f"shown:\n{shown}\nprinted:\n{printed}"
    if gaps:
        return
    for one, other in zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True):
        a, b = (float(number.replace(",", "")) for number in (one, other))
        assert abs(a - b) <= max(SHARE * max(a, b), STEPS), f"{one} is shown, {other} printed:\n{printed}"


def _level(text: str) -> str:
    """Without the blanks that pad columns, since they go by the number of digits."""
    return re.sub(r"(?<=\S) {2,}|^ +(?=\d)", " ", text, flags=re.MULTILINE)
