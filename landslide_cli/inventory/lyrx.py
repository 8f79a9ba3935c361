"""The layer file by which ArcGIS Pro shows a shapefile: the classes and colours of the style for QGIS.

JSON of the Cartographic Information Model (https://github.com/Esri/cim-spec, version 3), with no more than names the
data and draws it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

MM_IN_POINTS = 72 / 25.4


def layer_file(path: Path, style: str) -> str:
    """A layer file for a shapefile that lies beside it.

    Args:
        path: The shapefile.
        style: Its style as QGIS has it (QML), with classes of a number or of words.
    """
    renderer = _renderer(ElementTree.fromstring(style))
    uri = "CIMPATH=map/landslides.json"
    connection = {
        "type": "CIMStandardDataConnection", "workspaceConnectionString": "DATABASE=.",
        "workspaceFactory": "Shapefile", "dataset": path.name, "datasetType": "esriDTFeatureClass",
    }  # fmt: skip
    layer = {
        "type": "CIMFeatureLayer", "name": path.stem, "uRI": uri, "layerType": "Operational", "showLegends": True,
        "visibility": True, "showPopups": True, "selectable": True,
        "featureTable": {"type": "CIMFeatureTable", "displayField": "id", "dataConnection": connection},
        "renderer": renderer,
    }  # fmt: skip
    document = {"type": "CIMLayerDocument", "version": "3.0.0", "layers": [uri], "layerDefinitions": [layer]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _renderer(style: ElementTree.Element) -> dict[str, Any]:
    found = style.find("renderer-v2")
    assert found is not None
    # QGIS looks at the status as well, by an expression, which ArcGIS would take for the name of a field.
    field = "confidence" if "(" in found.get("attr", "") else found.get("attr", "")
    symbols = {one.get("name"): _symbol(one) for one in found.iterfind("symbols/symbol")}
    ranges, categories = found.findall("ranges/range"), found.findall("categories/category")
    if ranges:
        return {
            "type": "CIMClassBreaksRenderer", "classBreakType": "GraduatedColor", "classificationMethod": "Manual",
            "field": field, "minimumBreak": float(ranges[0].get("lower", "0")), "showInAscendingOrder": True,
            "breaks": [
                {"type": "CIMClassBreak", "label": one.get("label"), "upperBound": float(one.get("upper", "0")),
                 "patch": "Default", "symbol": symbols[one.get("symbol")]}
                for one in ranges
            ],
        }  # fmt: skip
    classes = [
        {"type": "CIMUniqueValueClass", "label": one.get("label"), "patch": "Default", "visible": True,
         "symbol": symbols[one.get("symbol")],
         "values": [{"type": "CIMUniqueValue", "fieldValues": [one.get("value")]}]}
        for one in categories
    ]  # fmt: skip
    groups = [{"type": "CIMUniqueValueGroup", "heading": field, "classes": classes}]
    return {"type": "CIMUniqueValueRenderer", "fields": [field], "groups": groups}


def _symbol(symbol: ElementTree.Element) -> dict[str, Any]:
    """The same fill and lines; the first layer lies on top, in QGIS the last."""
    layers: list[dict[str, Any]] = []
    for one in symbol.iterfind("layer"):
        told = {prop.get("k"): prop.get("v", "") for prop in one.iterfind("prop")}
        told |= {option.get("name"): option.get("value", "") for option in one.iter("Option")}  # newer spelling
        if one.get("class") == "SimpleFill":
            layers.insert(0, {"type": "CIMSolidFill", "enable": True, "color": _colour(told["color"])})
        elif one.get("class") == "SimpleLine":
            width = round(float(told["line_width"]) * MM_IN_POINTS, 2)
            layers.insert(
                0, {"type": "CIMSolidStroke", "enable": True, "width": width, "color": _colour(told["line_color"])}
            )
    return {"type": "CIMSymbolReference", "symbol": {"type": "CIMPolygonSymbol", "symbolLayers": layers}}


def _colour(told: str) -> dict[str, Any]:
    """Opacity is per cent here, of 255 in QGIS."""
    red, green, blue, alpha = map(int, told.split(",")[:4])
    return {"type": "CIMRGBColor", "values": [red, green, blue, round(alpha / 2.55)]}
