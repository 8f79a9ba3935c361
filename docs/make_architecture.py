"""Draws the picture in docs/architecture.md.

python docs/make_architecture.py docs/architecture.svg

The floors are those of the table in tests/test_layers.py, so that they can't differ from what is tested.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.test_layers import ANYONE, MAY_IMPORT

WIDTH = 1060
FONT = "font-family='Helvetica, Arial, DejaVu Sans, sans-serif'"
INK, FAINT, EDGE = "#22303c", "#5b6b78", "#8a98a3"
# Threads from the first to the last, the column that each begins in, and its steps: the file, what it does.
LANES = (
    ("#e3eef7", "thread 1 reads", 0, (("scene/scene.py", "reads rows, tells the valid pixels"),
                                   ("tiling/resampling.py", "to the network's resolution"))),
    ("#e6f3e6", "thread 2 cuts", 1, (("prediction/tiles.py", "cuts windows, mirrors at the edge"),
                                  ("prediction/predictor.py", "fills batches"))),
    ("#fbeedd", "thread 3 asks", 2, (("engine/", "pixels to probabilities"),)),
    ("#f6e4e4", "main thread", 0, (("mosaic/blend.py", "tiles to finished strips"),
                                ("detection/joining.py", "hands strips on, writes rasters"),
                                ("inventory/collector.py", "strips to polygons (polygons/)"),
                                ("inventory/writer.py", "shapes, measures, writes them"))),
)  # fmt: skip
# What goes from a thread to the next one.
PASSED = ("rows of pixels", "batches of windows", "probabilities of windows")
LANE, BOX, STEP, LEFT = 88, 46, 230, 138
FLOOR, ROOM, GAP = 44, 112, 12


def text(x: float, y: float, words: str, size: int = 12, *, colour: str = INK, anchor: str = "middle",
         bold: bool = False, mono: bool = False) -> str:  # fmt: skip
    font = "font-family='Menlo, Consolas, DejaVu Sans Mono, monospace'" if mono else FONT
    weight = " font-weight='bold'" if bold else ""
    return f"<text x='{x:g}' y='{y:g}' {font} font-size='{size}'{weight} fill='{colour}' text-anchor='{anchor}'>{escape(words)}</text>"  # noqa: E501


def box(x: float, y: float, width: float, height: float, fill: str, *, stroke: str = EDGE) -> str:
    return f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' rx='5' fill='{fill}' stroke='{stroke}'/>"


def arrow(*points: tuple[float, float]) -> str:
    way = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f"<polyline points='{way}' fill='none' stroke='{INK}' stroke-width='1.4' marker-end='url(#head)'/>"


def lanes(top: float) -> Iterable[str]:
    """The threads below each other; a scene goes from left to right and down."""
    wide = STEP - 26
    for number, (colour, name, _, _) in enumerate(LANES):
        yield box(10, top + number * LANE, WIDTH - 20, LANE - 8, colour, stroke="none")
        yield text(20, top + number * LANE + 42, name, 13, anchor="start", bold=True)
    for number, (_, _, first, steps) in enumerate(LANES):
        y = top + number * LANE
        middle = y + (LANE - 8) / 2
        for step, (file, what) in enumerate(steps, start=first):
            x = LEFT + step * STEP
            yield box(x, middle - BOX / 2, wide, BOX, "white")
            yield text(x + wide / 2, middle - 4, file, 12, mono=True, bold=True)
            yield text(x + wide / 2, middle + 13, what, 11, colour=FAINT)
            if step > first:
                yield arrow((x - 26, middle), (x - 2, middle))
        if number == len(PASSED):
            continue
        leaves = LEFT + (first + len(steps) - 1) * STEP + wide / 2
        enters, turn = LEFT + LANES[number + 1][2] * STEP + wide / 2, y + LANE - 9
        bend = () if enters == leaves else ((leaves, turn), (enters, turn))
        yield arrow((leaves, middle + BOX / 2), *bend, (enters, middle + LANE - BOX / 2 - 2))
        yield text(leaves + 10, middle + BOX / 2 + 13, PASSED[number], 11, colour=FAINT, anchor="start")


def floors() -> list[list[str]]:
    """Packages by the longest way down to one that imports nothing of ours; the lowest first."""
    level: dict[str, int] = {}

    def of(room: str) -> int:
        if room not in level:
            level[room] = 1 + max((of(below) for below in MAY_IMPORT[room]), default=-1)
        return level[room]

    highest = max(map(of, MAY_IMPORT))
    return [sorted(room for room in MAY_IMPORT if level[room] == number) for number in range(highest + 1)] + [["cli"]]


def house(top: float) -> Iterable[str]:
    """The packages in floors; what anyone may import is the ground."""
    for number, rooms in enumerate(reversed(floors())):
        y = top + number * FLOOR
        left = (WIDTH - len(rooms) * (ROOM + GAP) + GAP) / 2
        for place, room in enumerate(rooms):
            x = left + place * (ROOM + GAP)
            yield box(x, y, ROOM, FLOOR - 12, "#eef1f4")
            yield f"<g class='room'>{text(x + ROOM / 2, y + 21, room, 13, mono=True)}</g>"
    y = top + len(floors()) * FLOOR
    yield box(60, y, WIDTH - 120, FLOOR - 12, "#dde3e8")
    yield text(WIDTH / 2, y + 21, "   ".join(sorted(ANYONE)), 13, mono=True)


def picture() -> str:
    """The whole picture as SVG."""
    lower = 62 + len(LANES) * LANE + 46
    height = lower + (len(floors()) + 1) * FLOOR + 10
    head = (
        "<defs><marker id='head' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' markerHeight='7' orient='auto'>"
        f"<path d='M0,0 L10,5 L0,10 z' fill='{INK}'/></marker></defs>"
    )
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}'>",
        "<title>A scene on its way through landslide, and the packages in floors</title>",
        head,
        f"<rect width='{WIDTH}' height='{height}' fill='white'/>",
        text(20, 30, "A scene on its way: each thread is a few items ahead of the next", 16, anchor="start", bold=True),
        *lanes(48),
        text(20, lower - 18, "The packages: each may import from floors below, never from its own or above", 16,
             anchor="start", bold=True),
        *house(lower),
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture())
