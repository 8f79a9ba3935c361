"""The nearest neighbour against brute force."""

from __future__ import annotations

import numpy as np
import pyproj
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.inventory.neighbours import nearest_m

degrees = st.tuples(st.floats(-180, 180), st.floats(-89, 89))


close = st.tuples(st.floats(179.999, 180.001), st.floats(69.999, 70.001))


@given(places=st.lists(degrees, max_size=8) | st.lists(close, max_size=8))
def test_the_nearest_neighbour_is_that_of_brute_force(places: list[tuple[float, float]]) -> None:
    longitude, latitude = np.array(places, dtype=np.float64).reshape(-1, 2).T
    longitude = np.where(longitude > 180, longitude - 360, longitude)
    found = nearest_m(longitude, latitude)
    geod = pyproj.Geod(ellps="WGS84")
    if len(places) < 2:
        assert np.isnan(found).all()
    else:
        every = np.array(
            [[np.inf if i == j else geod.inv(*a, *b)[2] for j, b in enumerate(places)] for i, a in enumerate(places)]
        )
        # Straight lines and geodesics may order very distant neighbours otherwise.
        np.testing.assert_allclose(found, every.min(axis=1), rtol=3e-3 if found.max() > 1e5 else 1e-7, atol=1e-6)
