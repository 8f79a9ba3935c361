"""The strips of a band as one compressed piece, which is kept on disk or sent to another process."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

import numpy as np

from landslide_cli.mosaic.blend import Strip
from landslide_cli.parsing import STRICT, Count, parse_json

# Probabilities are smooth: more effort makes them a fifth smaller at half the speed.
LEVEL = 1


@dataclass(frozen=True, slots=True)
class _Head:
    """The line of JSON before the values."""

    __pydantic_config__ = STRICT

    top: Count
    width: Count
    heights: tuple[Count, ...]
    layers: Count
    asked: Count


@dataclass(frozen=True, slots=True)
class Packed(_Head):
    """Strips of the mosaic that follow each other, compressed: about a tenth of a byte for each pixel.

    Attributes:
        top: First row of the scene.
        width: Columns of the scene.
        heights: Rows of each strip.
        layers: 1 for the probability alone, 2 with the spread.
        asked: Windows that the network was asked about for them.
        body: The stored values, strip by strip and layer by layer, compressed by zlib.
    """

    body: bytes

    @property
    def bottom(self) -> int:
        """One past the last row of the scene."""
        return self.top + sum(self.heights)

    def strips(self) -> Iterator[Strip]:
        """The strips as they were added, one in memory at a time."""
        source, left, top = zlib.decompressobj(), self.body, self.top
        for height in self.heights:
            shape = self.layers, height, self.width
            raw = bytearray()
            while len(raw) < np.prod(shape):
                added = source.decompress(left, int(np.prod(shape)) - len(raw))
                if not added:
                    raise ValueError("a band has fewer values than it says")
                raw += added
                left = source.unconsumed_tail
            stored, *spread = np.frombuffer(raw, np.uint8).reshape(shape)
            yield Strip(top, stored, spread[0] if spread else None)
            top += height

    def to_bytes(self) -> bytes:
        """As a file holds it: a checksum of all that follows, a line of JSON, and the compressed values."""
        told = {entry.name: getattr(self, entry.name) for entry in fields(_Head)}
        rest = json.dumps(told).encode() + b"\n" + self.body
        return zlib.crc32(rest).to_bytes(4) + rest

    @classmethod
    def from_bytes(cls, raw: bytes) -> Packed:
        """Read what `to_bytes` gave.

        Raises:
            ValueError: it is damaged.
        """
        checksum, rest = raw[:4], raw[4:]
        if zlib.crc32(rest).to_bytes(4) != checksum:
            raise ValueError("not a whole band")
        line, _, body = rest.partition(b"\n")
        return cls(**asdict(parse_json(_Head, line)), body=body)


class Packer:
    """Packs strips one by one, so that no more than the compressed values are in memory.

    Args:
        top: First row of the scene.
        width: Columns of the scene.
    """

    def __init__(self, top: int, width: int) -> None:
        self._top, self._width, self._layers = top, width, 1
        self._compressing = zlib.compressobj(LEVEL)
        self._parts: list[bytes] = []
        self._heights: list[int] = []

    @property
    def bottom(self) -> int:
        """One past the last row so far."""
        return self._top + sum(self._heights)

    def add(self, strip: Strip) -> None:
        """Add the next strip."""
        layers = [strip.stored] if strip.spread is None else [strip.stored, strip.spread]
        self._heights.append(len(strip.stored))
        self._layers = len(layers)
        self._parts += [self._compressing.compress(layer.tobytes()) for layer in layers]

    def packed(self, asked: int) -> Packed:
        """All strips; none follows.

        Args:
            asked: Windows that the network was asked about for them.
        """
        body = b"".join([*self._parts, self._compressing.flush()])
        return Packed(self._top, self._width, tuple(self._heights), self._layers, asked, body)
