"""Styles as QGIS reads them (QML), filled in from the tables of classes, colours and attributes."""

from __future__ import annotations

import re
from importlib import resources
from string import Template
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES
from landslide_cli.inventory.classes import (
    CLASSES,
    CLEAR_BELOW,
    DRAWN,
    REJECTED,
    Shown,
    legend,
    probability_colour,
)
from landslide_cli.inventory.confidence import CONFIDENCES, DEFAULT, Confidence
from landslide_cli.inventory.review import LANDSLIDE, NOT_LANDSLIDE, REVIEW_FIELDS, UNREVIEWED, UNSURE

LABELS_FROM = 10_000  # labels are drawn at this scale and at larger ones
# What the form and the table of attributes call each attribute, with its unit.
ALIASES = {
    "id": "No.", "status": "Status", "confidence": "Confidence", "area_m2": "Area (m²)", "perimeter_m": "Perimeter (m)",
    "length_m": "Length (m)", "width_m": "Width (m)", "azimuth_deg": "Direction of the length (°)",
    "elongation": "Length to width", "compactness": "Compactness (0 to 1)", "lon": "Longitude (°)",
    "lat": "Latitude (°)", "nearest_m": "Nearest neighbour (m)", "pixels": "Pixels",
    "prob_mean": "Probability, mean (0 to 1)", "prob_median": "Probability, median (0 to 1)",
    "prob_p90": "Probability, 90th percentile (0 to 1)", "prob_max": "Probability, maximum (0 to 1)",
    "high_share": "Share of pixels above 0.9 (0 to 1)", "prob_spread": "Spread between views (0 to 0.5)",
    "prob_before": "Probability before, mean (0 to 1)", "new_share": "New share (0 to 1)", "new": "New",
    "elev_min_m": "Lowest height (m)", "elev_max_m": "Highest height (m)", "relief_m": "Relief H (m)",
    "slope_mean_deg": "Slope, mean (°)", "slope_max_deg": "Slope, maximum (°)", "aspect_deg": "Aspect (°)",
    "h_over_l": "H/L", "h_l_angle_deg": "Angle of H/L (°)", "cut": "Cut by the border", "scene": "Scene",
    "model": "Model", "reviewer": "Reviewer", "reviewed_at": "Reviewed at", "note": "Note",
}  # fmt: skip
# What a drop-down shows for each value.
STATUS_WORDS = {
    UNREVIEWED: "unreviewed", LANDSLIDE: "landslide", NOT_LANDSLIDE: "not a landslide", UNSURE: "unsure",
}  # fmt: skip
CONFIDENCE_WORDS = {name: name for name in CONFIDENCES}
# No. 12, 1,840 m², high
DISPLAY_NAME = (
    """'No. ' || coalesce("id", '–') || coalesce(', ' || format_number("area_m2", 0) || ' m²', '')"""
    """ || coalesce(', ' || "confidence", '')"""
)
CLASS_OF = f"""if("status" = '{NOT_LANDSLIDE}', '{REJECTED}', coalesce("confidence", '{DRAWN}'))"""
# What is set when a polygon is drawn; the two of a review, whenever its status is changed.
REVIEWED = f""""status" = '{UNREVIEWED}' OR "status" IS NULL"""
DEFAULTS = {
    "status": (f"'{LANDSLIDE}'", False),
    "reviewer": (f'if({REVIEWED}, "reviewer", coalesce("reviewer", @user_full_name))', True),
    "reviewed_at": (f"if({REVIEWED}, \"reviewed_at\", format_date(now(), 'yyyy-MM-ddTHH:mm:ss'))", True),
}
STEPS_OF_PROBABILITY = 10
RENDERER = re.compile(r"<renderer-v2.*</renderer-v2>", re.DOTALL)


def read_style(name: str, confidence: Confidence = DEFAULT, *, shapefile: bool = False) -> str:
    """A style as QGIS writes and reads it (QML).

    Args:
        name: ``landslides``, ``landslides_new``, ``analysed``, ``probability``, ``mask`` or ``spread``.
        confidence: The classes of the landslides, which the legend tells.
        shapefile: Whether the attributes have the short names of a shapefile.
    """
    short = SHORT_NAMES if shapefile else {}
    if name == "landslides_new":
        # All the same but for what tells new and old apart.
        whole = read_style("landslides", confidence, shapefile=shapefile)
        return re.sub(RENDERER, lambda _: _short(re.search(RENDERER, _file(name))[0], short), whole)  # type: ignore[index]
    text = Template(_file(name))
    if name == "landslides":
        return text.substitute(_of_landslides(confidence, short))
    colour = CLASSES[0].colour
    return text.safe_substitute(items="\n".join(map(_item, np.linspace(0, 1, STEPS_OF_PROBABILITY + 1))), colour=colour)


def _file(name: str) -> str:
    return (resources.files("landslide_cli.inventory") / "styles" / f"{name}.qml").read_text(encoding="utf-8")


def _of_landslides(confidence: Confidence, short: dict[str, str]) -> dict[str, str]:
    labels = legend(confidence)
    fields = {short.get(name, name): name for name in FIELDS}
    defaults = {field: _short(DEFAULTS[name][0], short) for field, name in fields.items() if name in DEFAULTS}
    return {
        "class_of": escape(CLASS_OF, {'"': "&quot;"}),
        "display_name": escape(DISPLAY_NAME),
        "labels_from": str(LABELS_FROM),
        "categories": "\n".join(
            f'      <category value="{shown.name}" symbol="{number}" label={quoteattr(labels[shown.name])} '
            'render="true"/>'
            for number, shown in enumerate(CLASSES)
        ),
        "symbols": "\n".join(_symbol(number, shown) for number, shown in enumerate(CLASSES)),
        "widgets": "\n".join(_widget(field, name) for field, name in fields.items()),
        "aliases": "\n".join(
            f'    <alias field="{field}" index="{number}" name={quoteattr(ALIASES[name])}/>'
            for number, (field, name) in enumerate(fields.items())
        ),
        "defaults": "\n".join(
            f'    <default field="{field}" expression={quoteattr(text)} '
            f'applyOnUpdate="{DEFAULTS[fields[field]][1]:d}"/>'
            for field, text in defaults.items()
        ),
        "editable": "\n".join(
            f'    <field name="{field}" editable="{name in (*REVIEW_FIELDS, "confidence"):d}"/>'
            for field, name in fields.items()
        ),
    }


def _short(expression: str, short: dict[str, str]) -> str:
    for name, field in short.items():
        expression = expression.replace(f'"{name}"', f'"{field}"')
    return expression


def _widget(field: str, name: str) -> str:
    choices = {"status": STATUS_WORDS, "confidence": CONFIDENCE_WORDS}.get(name)
    if choices:
        options = "".join(
            f'<Option type="Map"><Option type="QString" name="{words}" value="{value}"/></Option>'
            for value, words in choices.items()
        )
        kind, config = "ValueMap", f'<Option type="List" name="map">{options}</Option>'
    else:
        kind = "TextEdit"
        said = {"IsMultiline": str(name == "note").lower(), "UseHtml": "false"}
        config = "".join(f'<Option type="bool" name="{key}" value="{value}"/>' for key, value in said.items())
    return (
        f'    <field name="{field}" configurationFlags="None"><editWidget type="{kind}"><config><Option type="Map">'
        f"{config}</Option></config></editWidget></field>"
    )


def _symbol(number: int, shown: Shown) -> str:
    """An outline on a dark edge, so that it is seen on forest and on soil, and hardly any fill over the ground."""
    colour = _rgb(shown.colour)
    line = "dash" if shown.name in (DRAWN, REJECTED) else "solid"
    width = 0.3 if shown.name == REJECTED else 0.5
    return f"""    <symbol name="{number}" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="{colour},{0 if shown.name == REJECTED else 34}"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="{width + 0.46:g}"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="{colour},255"/>
        <prop k="line_style" v="{line}"/>
        <prop k="line_width" v="{width:g}"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>"""


def _rgb(colour: str) -> str:
    return ",".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))


def _item(probability: float) -> str:
    share = np.array([(probability - CLEAR_BELOW) / (1 - CLEAR_BELOW)]).clip(0)
    red, green, blue, opacity = probability_colour(share)[0].round().astype(int)
    clear = probability <= CLEAR_BELOW
    return (
        f'          <item value="{probability:g}" color="#{red:02x}{green:02x}{blue:02x}" '
        f'alpha="{0 if clear else opacity}" label="{probability:g}"/>'
    )
