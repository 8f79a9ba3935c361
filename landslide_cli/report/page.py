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
from landslide_cli.inventory.classes import CLASSES, REJECTED, classes_there
from landslide_cli.inventory.read import Inventory
from landslide_cli.report.charts import frequency_area, histogram
from landslide_cli.report.facts import (
    Counted,
    Fact,
    known_failures,
    listed,
    not_analysed,
    novelty,
    numbers,
    provenance,
    totals,
)
from landslide_cli.report.frame import Frame
from landslide_cli.report.imagery import class_colours
from landslide_cli.report.outlines import Outlines, outlines
from landslide_cli.report.sight import Coverage
from landslide_cli.report.sizes import Sizes
from landslide_cli.report.table import table_of
from landslide_cli.report.tiles import Tiles
from landslide_cli.typing import Float64

LEAFLET = "1.9.4"
# One after the other, in one scope.
SCRIPTS = ("data.js", "map.js", "table.js", "review.js")


@dataclass(frozen=True)
class Contents:
    """The parts that the page is made of.

    Attributes:
        scene: Name of the scene.
        name: That of the inventory's file, without its ending.
        identity: What tells the inventory from others, see `landslide_cli.report.table.identity`.
        inventory: The landslides on the scene.
        elsewhere: Number of the inventory's other landslides.
        areas: Their areas in m², NaN where unknown.
        counted: They in numbers.
        covered: How much of the scene was analysed.
        frame: The map.
        outlines: The landslides on it.
        analysed: What was analysed, on it; None if unknown.
        rasters: ``scene`` and, if there is one, ``probability``.
        sizes: The landslides by area; None if no area is known.
    """

    scene: str
    name: str
    identity: str
    inventory: Inventory
    elsewhere: int
    areas: Float64
    counted: Counted
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
    page_js = '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "})();"
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in (leaflet_js, page_js))
    inventory = contents.inventory
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; base-uri 'none'",
        version=escape(__version__),
        title=escape(f"Landslides in {contents.scene}"),
        subtitle=escape(_subtitle(contents)),
        leaflet_css=_asset(f"leaflet-{LEAFLET}.css"),
        page_css=_asset("page.css"),
        totals=_terms(
            totals(contents.counted, _cut(inventory.landslides), contents.covered) + novelty(inventory.landslides),
            wrap=True,
        ),
        switches=_switches(contents),
        legend=_legend(contents),
        count=f"{len(contents.areas):,} shown.",
        charts=_charts(contents.sizes),
        not_analysed=_paragraphs(not_analysed(contents.covered)),
        failures="".join(_paragraphs([sentence]) + _list(failures) for sentence, failures in known_failures(inventory)),
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
    inventory = contents.inventory
    return {
        "name": contents.name,
        "identity": contents.identity,
        "frame": {
            "mercator": frame.mercator, "shallowest": frame.shallowest_zoom, "native": frame.native_zoom,
            "zoom": drawn.zoom, "origin": drawn.origin,
            "box": [round(v - o) for (v, o) in zip((xs[0], ys[0], xs[1], ys[1]), drawn.origin * 2, strict=True)],
        },
        "rasters": [
            {"name": name, "shallowest": tiles.shallowest, "deepest": tiles.deepest, "images": tiles.images}
            for name, tiles in contents.rasters.items()
        ],
        "shapes": drawn.shapes,
        "outline": outlines(np.array([frame.outline], dtype=object), frame).shapes,
        "analysed": contents.analysed.shapes if contents.analysed else None,
    } | table_of(inventory.landslides, contents.areas, inventory.confidence)  # fmt: skip


def _subtitle(contents: Contents) -> str:
    inventory = contents.inventory
    models = list(dict.fromkeys(run["model"] for run in (inventory.runs or [inventory.run]) if run.get("model")))
    text = f"Found by landslide {inventory.run.get('version', '')}".rstrip()
    text += f" with {listed(models)}. " if models else ". "
    scenes = inventory.scenes
    if len(scenes) > 1:
        text += f"One inventory of {len(scenes):,} scenes. "
    if contents.elsewhere:
        here, every = len(contents.areas), len(contents.areas) + contents.elsewhere
        text += f"{here:,} of its {every:,} polygons lie on this scene; the others aren't on this page. "
    return text + "Look at each polygon before you act on it."


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
    there = dict(classes_there(contents.inventory.landslides, contents.inventory.confidence))
    # Whoever looks at the page may reject some.
    there |= {shown: shown.label for shown in CLASSES if shown.name == REJECTED}
    lines = "".join(
        f'<span><svg width="22" height="12" aria-hidden="true"><path d="M1 6H21" stroke="#3a2c22" stroke-width="5"/>'
        f'<path d="M1 6H21" stroke="{shown.colour}" stroke-width="2.5"/></svg>{escape(label)}</span>'
        for shown, label in there.items()
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
