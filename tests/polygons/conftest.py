from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from landslide_cli.polygons import Finished, StreamingPolygonizer, joined

masks = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 12)))


def stream(
    mask: NDArray[np.bool_], cuts: list[int], *, connectivity: int = 4, stored: NDArray[np.uint8] | None = None,
    analysed: NDArray[np.bool_] | None = None, min_pixels: int = 0,
) -> Finished:  # fmt: skip
    stored = np.full(mask.shape, 200, np.uint8) if stored is None else stored
    analysed = np.ones_like(mask) if analysed is None else analysed
    polygonizer = StreamingPolygonizer(mask.shape[1], connectivity=connectivity, min_pixels=min_pixels)
    parts = [
        polygonizer.feed(mask[a:b], stored[a:b], analysed[a:b])
        for a, b in pairwise(sorted({0, len(mask), *(cut % len(mask) for cut in cuts)}))
    ]
    return joined([*parts, polygonizer.close()])
