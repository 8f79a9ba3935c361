"""How areas are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from landslide_cli.report.sizes import general_density, sizes_of


@given(st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=60))
def test_frequency_densities_integrate_to_the_number_and_to_one(areas: list[float]) -> None:
    sizes = sizes_of(np.array(areas))
    assert sizes is not None
    widths = np.diff(sizes.edges_m2)
    assert (sizes.frequency_density * widths).sum() == pytest.approx(len(areas))
    assert (sizes.probability_density * widths).sum() == pytest.approx(1)
    assert sizes.edges_m2[0] <= min(areas) * (1 + 1e-9)
    assert sizes.edges_m2[-1] >= max(areas) * (1 - 1e-9)
    np.testing.assert_allclose(np.diff(np.log10(sizes.edges_m2)), 0.2)


def test_areas_are_counted_in_their_bins_and_unknown_ones_nowhere() -> None:
    sizes = sizes_of(np.array([100.0, 101, 158, 159, 1000, np.nan]))
    assert sizes is not None
    assert sizes.counts.sum() == 5
    assert sizes.counts[:2].tolist() == [3, 1]
    assert sizes_of(np.array([np.nan])) is None


def test_the_general_distribution_is_the_published_one() -> None:
    """Malamud et al. 2004: it integrates to one, has a mean of 3.07e-3 km² and is most frequent at about 400 m²."""
    pieces = [quad(lambda a: float(general_density(np.array(a))), 10.0**k, 10.0 ** (k + 1))[0] for k in range(-2, 13)]
    assert sum(pieces) == pytest.approx(1, abs=0.01)
    steps = [
        quad(lambda a: a * float(general_density(np.array(a))), 10.0**k, 10.0 ** (k + 1))[0] for k in range(-2, 16)
    ]
    assert sum(steps) == pytest.approx(3070, rel=0.02)
    areas = np.geomspace(10, 1e5, 2000)
    assert areas[general_density(areas).argmax()] == pytest.approx(400, rel=0.01)
