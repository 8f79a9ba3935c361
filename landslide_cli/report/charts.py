"""Charts of areas as SVG text, which needs no library in the page and prints sharp."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from landslide_cli.errors import counted
from landslide_cli.report.sizes import Sizes, general_density
from landslide_cli.typing import Float64

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 14, 46
WHOLE, EVEN = (1, 2, 4, 5, 8, 10), (1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8, 10)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Scale = Callable[[float], float]


@dataclass(frozen=True)
class _Chart:
    x: Scale
    y: Scale
    parts: list[str]

    @classmethod
    def on(cls, areas: tuple[float, float], values: tuple[float, float], *, logarithmic: bool) -> _Chart:
        """An empty chart over a range of areas and one of values."""
        across = _scale(math.log10(areas[0]), math.log10(areas[1]), LEFT, WIDTH - RIGHT)
        low, high = (math.log10(v) for v in values) if logarithmic else values
        up = _scale(low, high, HEIGHT - BOTTOM, TOP)
        return cls(lambda v: across(math.log10(v)), (lambda v: up(math.log10(v))) if logarithmic else up, [])

    def axes(self, areas: Sequence[float], values: Sequence[tuple[float, str]], label: str) -> None:
        """Draw grid, numbers and names of both axes."""
        for value, text in values:
            y = self.y(value)
            self.parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            self.parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        for area in areas:
            x = self.x(area)
            self.parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
            self.parts.append(
                f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_number(area)}</text>'
            )
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
        self.parts.append(
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">Area, m²</text>'
        )
        self.parts.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{label}</text>')

    def svg(self, description: str) -> str:
        """The chart as SVG."""
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{description}">'
            f"{''.join(self.parts)}</svg>"
        )


def histogram(sizes: Sizes) -> str:
    """Landslides in each class of area."""
    edges, counts = sizes.edges_m2, sizes.counts
    most = _round_up(float(counts.max()))
    chart = _Chart.on((edges[0], edges[-1]), (0, most), logarithmic=False)
    step = most / 4 if most % 4 == 0 else most / 5 if most % 5 == 0 else 1
    chart.axes(_ticks(edges), [(v, f"{v:,.0f}") for v in np.arange(0, most + step / 2, step).tolist()], "Landslides")
    for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True):
        left, right, top = chart.x(low), chart.x(high), chart.y(count)
        bar = f'x="{left + 0.7:.1f}" y="{top:.1f}" width="{right - left - 1.4:.1f}" height="{chart.y(0) - top:.1f}"'
        chart.parts.append(f"<rect {bar}><title>{low:,.0f} to {high:,.0f} m²: {count:,.0f}</title></rect>")
    total = counted(counts.sum(), "landslide", ",.0f")
    return chart.svg(f"Histogram of areas: {total} from {edges[0]:,.0f} to {edges[-1]:,.0f} m²")


def frequency_area(sizes: Sizes) -> str:
    """Probability density of areas, both axes logarithmic, with the general distribution of Malamud et al. (2004)."""
    some = sizes.counts > 0
    areas, density = sizes.centres_m2[some], sizes.probability_density[some]
    ends = _whole_decades(sizes.edges_m2)
    curve_areas = np.geomspace(*ends, 120)
    curve = general_density(curve_areas)
    low = min(density.min(), max(curve.min(), density.min() / 10))
    values = _whole_decades(np.array([low, max(density.max(), curve.max())]))
    chart = _Chart.on(ends, values, logarithmic=True)
    chart.axes(_ticks(np.array(ends)), [(v, _number(v)) for v in _ticks(np.array(values))], "Probability density, 1/m²")
    points = [f"{chart.x(a):.1f} {chart.y(p):.1f}" for a, p in zip(curve_areas, curve, strict=True) if p >= values[0]]
    chart.parts.append(f'<path class="reference" d="M{"L".join(points)}"/>')
    for area, value, count in zip(areas.tolist(), density.tolist(), sizes.counts[some].tolist(), strict=True):
        spot = f'cx="{chart.x(area):.1f}" cy="{chart.y(value):.1f}" r="4"'
        many = counted(count, "landslide", ",.0f")
        chart.parts.append(f"<circle {spot}><title>{area:,.0f} m²: {value:.2g} per m², {many}</title></circle>")
    return chart.svg("Frequency-area plot: probability density against area, both logarithmic")


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _whole_decades(values: Float64) -> tuple[float, float]:
    first = math.floor(math.log10(values.min()) + 1e-9)
    return 10.0**first, 10.0 ** max(first + 1, math.ceil(math.log10(values.max()) - 1e-9))


def _ticks(values: Float64) -> list[float]:
    """Powers of ten in a range, or where these are few, their double and half as well."""
    low, high = math.log10(values.min()) - 1e-9, math.log10(values.max()) + 1e-9
    powers = range(math.floor(low), math.floor(high) + 1)
    steps = (1, 2, 5) if high - low < 2 else (1,)
    every = 1 + len(powers) // 9
    ticks = [step * 10.0**power for power in powers[::every] for step in steps]
    return [tick for tick in ticks if low <= math.log10(tick) <= high]


def _number(value: float) -> str:
    if 1 <= value <= 20_000:
        return f"{value:,.0f}"
    exponent = math.floor(math.log10(value) + 1e-9)
    times = round(value / 10**exponent)
    return ("" if times == 1 else f"{times}·") + f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _round_up(value: float) -> float:
    """The next number that divides into four or five even parts."""
    power = 10 ** max(0, math.floor(math.log10(value)))
    return next(float(step * power) for step in (WHOLE if power < 10 else EVEN) if step * power >= value)
