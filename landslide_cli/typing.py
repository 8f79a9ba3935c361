"""Arrays by what their numbers are, and callbacks; each is written here and nowhere else.

Shapes stand in the docstrings: images are ``(bands, height, width)``, pairs of pixels ``(row, column)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.generic]
"""Raw pixels as they stand in a file, of any number type."""
Bytes = NDArray[np.uint8]
"""Stored values, 8-bit pixels, packed bits."""
Bools = NDArray[np.bool_]
"""True where something holds, such as that a pixel is valid."""
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Indices = NDArray[np.intp]
"""Positions in another array."""
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Geometries = NDArray[np.object_]
"""Shapely geometries."""

OnProgress = Callable[[int, int], None]
"""Called with what is done and what there is in all."""
OnNote = Callable[[int, int, str], None]
"""The same with a note that says it in words."""
