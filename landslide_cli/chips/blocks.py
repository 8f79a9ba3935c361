"""Where chips lie in a scene: inside blocks, so that chips of different blocks share no pixel.

Blocks become the groups of a split. Each window lies in one block entirely, whatever the stride.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rasterio.windows import Window


@dataclass(frozen=True, slots=True)
class Blocks:
    """Large squares that cover a scene; the last of a row or column takes what is left.

    Attributes:
        height: Rows of the scene.
        width: Columns of the scene.
        chip: Side of a chip.
        block: Side of a block, at least that of a chip.
    """

    height: int
    width: int
    chip: int
    block: int

    def __iter__(self) -> Iterator[tuple[str, Window]]:
        """Each block with its name."""
        for row, (top, bottom) in enumerate(_spans(self.height, self.block)):
            for col, (left, right) in enumerate(_spans(self.width, self.block)):
                yield f"b{row:02d}-{col:02d}", Window(left, top, right - left, bottom - top)

    def grid(self, block: Window, stride: int) -> Iterator[Window]:
        """Windows over a block, ``stride`` apart; the last ones lie at its end, so that nothing is left out."""
        left, top = int(block.col_off), int(block.row_off)
        for row, height in _steps(int(block.height), self.chip, stride):
            for col, width in _steps(int(block.width), self.chip, stride):
                yield Window(left + col, top + row, width, height)

    def centred(self, block: Window, row: float, col: float) -> Window:
        """The window around a place, moved as little as keeps it inside its block."""
        top, height = _around(int(block.row_off), int(block.height), row, self.chip)
        left, width = _around(int(block.col_off), int(block.width), col, self.chip)
        return Window(left, top, width, height)


def _spans(length: int, size: int) -> list[tuple[int, int]]:
    starts = [number * size for number in range(max(1, length // size))]
    return list(zip(starts, [*starts[1:], length], strict=True))


def _steps(length: int, size: int, stride: int) -> list[tuple[int, int]]:
    """``(start, size)`` along one direction of a block."""
    if length <= size:
        return [(0, length)]
    starts = list(range(0, length - size + 1, stride))
    if starts[-1] + size < length:
        starts.append(length - size)
    return [(start, size) for start in starts]


def _around(start: int, length: int, centre: float, size: int) -> tuple[int, int]:
    if length <= size:
        return start, length
    return min(max(round(centre - size / 2), start), start + length - size), size
