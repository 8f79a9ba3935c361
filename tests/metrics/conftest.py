from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

sklearn = pytest.importorskip("sklearn.metrics")


sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


def arrays(
    *types: type, shape: st.SearchStrategy[tuple[int, int]] = sizes
) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """Arrays of one shape; all-False, all-True, all-nodata come often, since hypothesis likes to fill."""
    return shape.flatmap(lambda size: st.tuples(*(hnp.arrays(kind, size) for kind in types)))
