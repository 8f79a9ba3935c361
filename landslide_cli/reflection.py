"""Mirroring at the edges of an image, for scenes and for chips alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reflected(start: int, count: int, length: int) -> NDArray[np.intp]:
    """Indices of ``count`` pixels from ``start``, folded back into ``0 … length - 1`` at both ends.

    The edge pixel itself isn't repeated, and a fold that leaves at the other end is folded again, as
    ``numpy.pad(mode="reflect")`` does.
    """
    if length == 1:
        return np.zeros(count, dtype=np.intp)
    period = 2 * (length - 1)
    index = np.arange(start, start + count) % period
    return np.where(index < length, index, period - index)
