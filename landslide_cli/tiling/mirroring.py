"""Mirroring at the edges of an image, for scenes and for chips alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mirrored(start: int, count: int, length: int) -> NDArray[np.intp]:
    """Indices of ``count`` pixels from ``start``, folded back into ``0 … length - 1`` at both ends.

    The image's edge is the mirror, so that what lies beyond it is the same at any resolution; a fold that leaves at the
    other end is folded again, as ``numpy.pad(mode="symmetric")`` does.
    """
    index = np.arange(start, start + count) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
