"""How many landslides are how large: the frequency-area statistics of landslide inventories."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from landslide_cli.typing import Float64

BINS_PER_DECADE = 5
# Parameters of the distribution to which three complete inventories, of an earthquake, rapid snowmelt and heavy
# rain, fit: Malamud et al. 2004, in km². See `general_density` for what they were checked against.
EXPONENT, SCALE_KM2, SHIFT_KM2 = 1.40, 1.28e-3, -1.32e-4


@dataclass(frozen=True)
class Sizes:
    """Landslides counted in bins of their area that are equally wide on a logarithmic scale.

    Attributes:
        edges_m2: Edges of the bins, one more than there are bins.
        counts: Landslides in each.
    """

    edges_m2: Float64
    counts: Float64

    @property
    def centres_m2(self) -> Float64:
        """Geometric mean of each bin's edges, shape ``(bins,)``."""
        centres: Float64 = np.sqrt(self.edges_m2[:-1] * self.edges_m2[1:])
        return centres

    @property
    def frequency_density(self) -> Float64:
        """Landslides per m² of area, shape ``(bins,)``: f(A) = δN / δA, with δN areas between A and A + δA.

        Non-cumulative, in bins whose width δA grows with A: Malamud, Turcotte, Guzzetti & Reichenbach 2004,
        "Landslide inventories and their statistical properties", Earth Surface Processes and Landforms 29, 687.
        """
        density: Float64 = self.counts / np.diff(self.edges_m2)
        return density

    @property
    def probability_density(self) -> Float64:
        """p(A) = f(A) / N in 1/m², shape ``(bins,)``: over all areas it integrates to one (Malamud et al. 2004)."""
        density: Float64 = self.frequency_density / self.counts.sum()
        return density


def sizes_of(area_m2: Float64) -> Sizes | None:
    """Count landslides by their area in m², shape ``(n,)``; None if none has a known one."""
    areas = area_m2[np.isfinite(area_m2) & (area_m2 > 0)]
    if not len(areas):
        return None
    first = math.floor(math.log10(areas.min()) * BINS_PER_DECADE)
    last = max(first + 1, math.ceil(math.log10(areas.max()) * BINS_PER_DECADE))
    edges = 10 ** (np.arange(first, last + 1) / BINS_PER_DECADE)
    # The largest may lie a rounding error beyond the last edge.
    bins = (np.searchsorted(edges, areas, side="right") - 1).clip(0, len(edges) - 2)
    return Sizes(edges, np.bincount(bins, minlength=len(edges) - 1).astype(np.float64))


def general_density(area_m2: Float64) -> Float64:
    """Probability density in 1/m², in the shape of the areas, that Malamud et al. (2004) propose.

    It holds for complete inventories.

    Malamud, Turcotte, Guzzetti & Reichenbach 2004, "Landslide inventories and their statistical properties", Earth
    Surface Processes and Landforms 29, 687, doi:10.1002/esp.1064. ρ agrees with the abstract, whose power law falls
    with the exponent -2.40 = -(ρ + 1); formula and all three numbers, with another program that cites the paper.

    A three-parameter inverse-gamma distribution: p(A) = (a / (A - s))^(ρ + 1) exp(-a / (A - s)) / (a Γ(ρ)), with
    ρ = 1.40, a = 1.28·10⁻³ km² and s = -1.32·10⁻⁴ km².
    """
    ratio = SCALE_KM2 / (area_m2 / 1e6 - SHIFT_KM2)
    per_km2 = ratio ** (EXPONENT + 1) * np.exp(-ratio) / (SCALE_KM2 * math.gamma(EXPONENT))
    density: Float64 = per_km2 / 1e6
    return density
