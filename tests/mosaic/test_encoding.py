from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.mosaic.encoding import STEPS, quantise, stored_threshold


@given(st.floats(0.001, 1))
def test_a_stored_value_counts_if_its_probability_reaches_the_threshold(threshold: float) -> None:
    stored = np.arange(STEPS + 1)
    assert ((stored >= stored_threshold(threshold)) == (stored / STEPS >= threshold - 1e-11)).all()


def test_quantising_keeps_its_range() -> None:
    values = np.array([[-0.1, 0.0, 0.5, 1.0, 1.1, 0.3]], dtype=np.float32)
    known = np.array([[True, True, True, True, True, False]])
    assert quantise(values, known).tolist() == [[0, 0, 127, 254, 254, 255]]
