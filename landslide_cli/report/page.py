"""The page: everything that it shows, styles and scripts included, as one text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import geopandas
import numpy as np

from landslide_cli._version import __version__
from landslide_cli.inventory.classes import CLASSES, classes_of, classes_there
from landslide_cli.inventory.read import Inventory
from landslide_cli.report.charts import frequency_area, histogram
from landslide_cli.report.facts import (
    Coverage,
    Fact,
    known_failures,
    not_analysed,
    novelty,
    numbers,
    provenance,
    totals,
)
from landslide_cli.report.frame import Frame
from landslide_cli.report.imagery import class_colours
from landslide_cli.report.outlines import Outlines, outlines
from landslide_cli.report.sizes import Sizes
from landslide_cli.report.tiles import Tiles
from landslide_cli.typing import Float64

LEAFLET = "1.9.4"
# Attribute, heading, unit and decimals of each column; None where it is yes or no.
COLUMNS: tuple[tuple[str, str, str, int | None], ...] = (
    ("id", "No.", "", 0), ("area_m2", "Area", "m²", 0), ("prob_mean", "Probability", "", 2),
    ("prob_before", "Before", "", 2), ("new", "New", "", None),
    ("prob_spread", "Spread", "", 2), ("length_m", "Length", "m", 0), ("width_m", "Width", "m", 0),
    ("azimuth_deg", "Direction", "°", 0),
    ("relief_m", "Relief", "m", 0), ("slope_mean_deg", "Slope", "°", 0), ("aspect_deg", "Aspect", "°", 0),
    ("h_over_l", "H/L", "", 2), ("nearest_m", "Nearest", "m", 0), ("lat", "Latitude", "°", 5),
    ("lon", "Longitude", "°", 5), ("cut", "Cut", "", None),
)  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """The parts that the page is made of.

    Attributes:
        scene: Name of the scene.
        inventory: The landslides.
        areas: Their areas in m².
        covered: How much of the scene was analysed.
        frame: The map.
        outlines: The landslides on it.
        analysed: What was analysed, on it; None if unknown.
        rasters: ``scene`` and, if there is one, ``probability``.
        sizes: The landslides by area; None if no area is known.
    """

    scene: str
    inventory: Inventory
    areas: Float64
    covered: Coverage
    frame: Frame
    outlines: Outlines
    analysed: Outlines | None
    rasters: dict[str, Tiles]
    sizes: Sizes | None


def page_of(contents: Contents) -> str:
    """The page as HTML. It loads nothing, and its policy forbids the browser to."""
    leaflet_js = "\n".join(
        line for line in _asset(f"leaflet-{LEAFLET}.js").splitlines() if not line.startswith("//# sourceMappingURL=")
    )
    page_js = _asset("page.js")
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in (leaflet_js, page_js))
    inventory = contents.inventory
    sentence, failures = known_failures(inventory.run)
    model = inventory.run.get("model")
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; base-uri 'none'",
        version=escape(__version__),
        title=escape(f"Landslides in {contents.scene}"),
        subtitle=escape(
            f"Found by landslide {inventory.run.get('version', '')}".rstrip()
            + (f" with {model}" if model else "")
            + ". Look at each polygon before you act on it."
        ),
        leaflet_css=_asset(f"leaflet-{LEAFLET}.css"),
        page_css=_asset("page.css"),
        totals=_terms(
            totals(contents.areas, _cut(inventory.landslides), contents.covered) + novelty(inventory.landslides),
            wrap=True,
        ),
        switches=_switches(contents),
        legend=_legend(contents),
        count=f"{len(contents.areas):,} landslide{'s' * (len(contents.areas) != 1)}.",
        charts=_charts(contents.sizes),
        not_analysed=_paragraphs(not_analysed(contents.covered)),
        failures=_paragraphs([sentence]) + _list(failures),
        provenance=_terms(provenance(inventory)) or "<dt>The inventory doesn't tell.</dt>",
        made=escape(_made(contents)),
        licence=escape(_asset("LICENSE.leaflet")),
        data=_json(_data(contents)),
        leaflet_js=leaflet_js,
        page_js=page_js,
    )


def _data(contents: Contents) -> dict[str, Any]:
    frame, drawn = contents.frame, contents.outlines
    left, bottom, right, top = frame.outline.bounds
    xs, ys = frame.pixels(np.array([left, right]), np.array([top, bottom]), drawn.zoom)
    columns, values = _table(contents.inventory.landslides, contents.areas)
    return {
        "frame": {
            "mercator": frame.mercator, "shallowest": frame.shallowest_zoom, "native": frame.native_zoom,
            "zoom": drawn.zoom, "origin": drawn.origin,
            "box": [round(v - o) for (v, o) in zip((xs[0], ys[0], xs[1], ys[1]), drawn.origin * 2, strict=True)],
        },
        "rasters": [
            {"name": name, "shallowest": tiles.shallowest, "deepest": tiles.deepest, "images": tiles.images}
            for name, tiles in contents.rasters.items()
        ],
        "columns": columns,
        "values": values,
        "shapes": drawn.shapes,
        "outline": outlines(np.array([frame.outline], dtype=object), frame).shapes,
        "analysed": contents.analysed.shapes if contents.analysed else None,
        "classes": classes_of(contents.inventory.landslides, contents.inventory.confidence).tolist(),
        "colours": [shown.colour for shown in CLASSES],
    }  # fmt: skip


def _table(landslides: geopandas.GeoDataFrame, areas: Float64) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    """Headings, and the values of each column with null for what isn't known; unknown columns are left out."""
    counted = np.arange(1, len(landslides) + 1, dtype=np.float64)
    columns, values = [], []
    for name, label, unit, digits in COLUMNS:
        column = areas if name == "area_m2" else numbers(landslides, name)
        if column is None and name == "id":
            column = counted
        if column is None:
            continue
        if name != "id" and not np.isfinite(column).any():
            continue
        columns.append({"name": name, "label": label, "unit": unit, "digits": digits})
        exact = column.round(digits or 0).tolist()
        values.append([None if value != value else value if digits else int(value) for value in exact])
    return columns, values


def _cut(landslides: geopandas.GeoDataFrame) -> int:
    told = numbers(landslides, "cut")
    return 0 if told is None else int(np.nansum(told))


def _switches(contents: Contents) -> str:
    kinds = {"scene": "Scene", "probability": "Probability", "slides": "Landslides", "unknown": "Not analysed"}
    there = {*contents.rasters, "slides", *(["unknown"] if contents.analysed else [])}
    # Probability hides the scene, so it waits until it is asked for.
    return "".join(
        f'<label><input type="checkbox" id="show-{name}"{"" if name == "probability" else " checked"}>{label}</label>'
        for name, label in kinds.items()
        if name in there
    )


def _legend(contents: Contents) -> str:
    lines = "".join(
        f'<span><svg width="22" height="12" aria-hidden="true"><path d="M1 6H21" stroke="#3a2c22" stroke-width="5"/>'
        f'<path d="M1 6H21" stroke="{shown.colour}" stroke-width="2.5"/></svg>{escape(label)}</span>'
        for shown, label in classes_there(contents.inventory.landslides, contents.inventory.confidence)
    )
    if "probability" in contents.rasters:
        bars = "".join(
            f'<rect x="{9 * number}" width="9" height="12" fill="rgb({r},{g},{b})" fill-opacity="{a / 255:.2f}"/>'
            for number, (r, g, b, a) in enumerate(class_colours()[1:].tolist())
        )
        lines += f'<span>Probability 0.1 <svg width="81" height="12" aria-hidden="true">{bars}</svg> 1</span>'
    if contents.analysed:
        lines += (
            '<span><svg width="22" height="12" aria-hidden="true"><rect width="22" height="12" fill="#8b9095"/>'
            '<path d="M0 8L8 0M4 12L16 0M12 12L22 2" stroke="#fff" stroke-opacity=".7"/></svg>not analysed</span>'
        )
    return lines


def _charts(sizes: Sizes | None) -> str:
    if sizes is None:
        return "<p>No area is known: there are no landslides, or the scene has no coordinate reference system.</p>"
    captions = (
        "Landslides in classes of area, five to a factor of ten.",
        "Frequency-area plot: probability density p(A) = δN / (N δA) in the same classes (Malamud et al. 2004, "
        "<cite>Earth Surface Processes and Landforms</cite> 29, 687). Dashed: the distribution that they propose for "
        "complete inventories of one event. Points below it at small areas: landslides that were missed or are too "
        "small to see.",
    )
    drawn = (histogram(sizes), frequency_area(sizes))
    return "".join(
        f"<figure>{chart}<figcaption>{caption}</figcaption></figure>"
        for chart, caption in zip(drawn, captions, strict=True)
    )


def _made(contents: Contents) -> str:
    frame, drawn = contents.frame, contents.outlines
    lines = [f"Made by landslide {__version__}. This page is complete in itself and loads nothing."]
    for name, tiles in contents.rasters.items():
        reduction = 2 ** (frame.native_zoom - tiles.deepest)
        if reduction == 1:
            lines.append(f"The {name} is shown in full resolution.")
        elif frame.metres is None:
            lines.append(f"The {name} is reduced {reduction} times.")
        else:
            metres = frame.pixel_side(tiles.deepest) * frame.metres
            lines.append(f"The {name} is reduced to {metres:.2g} m per pixel.")
    if drawn.simplified_px:
        lines.append(
            f"Outlines are simplified: vertices may lie {drawn.simplified_px:g} pixels of the scene off. "
            "Attributes are those of the full outlines."
        )
    if not frame.mercator:
        lines.append(
            "The map is in the scene's own pixels: it has no coordinate reference system, "
            "or lies too near a pole for Web Mercator."
        )
    return " ".join(lines)


def _terms(facts: Iterable[Fact], *, wrap: bool = False) -> str:
    pairs = (f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in facts)
    return "".join(f"<div>{pair}</div>" if wrap else pair for pair in pairs)


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _json(value: Any) -> str:
    """JSON that can stand in a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _asset(name: str) -> str:
    return files("landslide_cli.report").joinpath("assets", name).read_text(encoding="utf-8")
