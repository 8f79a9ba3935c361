"""The layer file for ArcGIS says what the style for QGIS says; ArcGIS itself isn't asked."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.inventory.geopackage import read_style
from landslide_cli.inventory.lyrx import layer_file
from landslide_cli.scene.vectors import read_layer
from tests.conftest import MakeScene, blobs

WORDS = """<qgis><renderer-v2 type="categorizedSymbol" attr="status"><categories>
<category symbol="0" value="landslide" label="yes"/><category symbol="1" value="unsure" label="perhaps"/></categories>
<symbols><symbol name="0"><layer class="SimpleFill"><Option type="Map"><Option name="color" value="1,2,3,255,rgb:1"/>
</Option></layer></symbol><symbol name="1"><layer class="SimpleLine"><prop k="line_color" v="9,8,7,51"/>
<prop k="line_width" v="0.5"/></layer></symbol></symbols></renderer-v2></qgis>"""


def test_a_shapefile_has_its_layer_file_beside(make_scene: MakeScene, tmp_path: Path) -> None:
    probability = make_scene(blobs(90, 80)[:1].astype(np.float32) / 254)
    out = tmp_path / "my slides.shp"
    result = CliRunner().invoke(main, ["polygonize", str(probability), "-o", str(out), "--threshold", "0.5", "-q"])
    assert result.exit_code == 0, result.output
    document = json.loads(out.with_suffix(".lyrx").read_text())
    (layer,) = document["layerDefinitions"]
    assert document["layers"] == [layer["uRI"]]
    connection = layer["featureTable"]["dataConnection"]
    assert (connection["workspaceConnectionString"], connection["dataset"]) == ("DATABASE=.", "my slides.shp")
    named = {layer["featureTable"]["displayField"], layer["renderer"].get("field") or layer["renderer"]["fields"][0]}
    assert named <= set(read_layer(out).columns)
    again = CliRunner().invoke(main, ["polygonize", str(probability), "-o", str(out.with_suffix(".fgb")), "-q"])
    assert again.exit_code == 1
    assert not out.with_suffix(".fgb").exists()  # its style is the shapefile's


def test_a_layer_file_that_exists_is_an_output_that_exists(make_scene: MakeScene, tmp_path: Path) -> None:
    (tmp_path / "slides.lyrx").write_text("mine")
    probability = make_scene(blobs(90, 80)[:1].astype(np.float32) / 254)
    words = ["polygonize", str(probability), "-o", str(tmp_path / "slides.shp"), "--threshold", "0.5", "-q"]
    assert "slides.lyrx exists" in CliRunner().invoke(main, words).output
    assert (tmp_path / "slides.lyrx").read_text() == "mine"


def test_classes_and_colours_are_those_of_the_style() -> None:
    style = ElementTree.fromstring(read_style("landslides"))
    renderer = json.loads(layer_file(Path("s.shp"), read_style("landslides")))["layerDefinitions"][0]["renderer"]
    ranges = list(style.iter("range"))
    if ranges:
        assert [one["upperBound"] for one in renderer["breaks"]] == [float(one.get("upper", "")) for one in ranges]
        assert [one["label"] for one in renderer["breaks"]] == [one.get("label") for one in ranges]
        lowest = renderer["breaks"][0]["symbol"]["symbol"]["symbolLayers"]
        assert [one["type"] for one in lowest] == ["CIMSolidStroke", "CIMSolidStroke", "CIMSolidFill"]


def test_classes_of_words_are_values() -> None:
    renderer = json.loads(layer_file(Path("s.shp"), WORDS))["layerDefinitions"][0]["renderer"]
    assert renderer["fields"] == ["status"]
    classes = renderer["groups"][0]["classes"]
    assert [one["values"][0]["fieldValues"] for one in classes] == [["landslide"], ["unsure"]]
    fill, line = (one["symbol"]["symbol"]["symbolLayers"][0] for one in classes)
    assert fill["color"]["values"] == [1, 2, 3, 100]
    assert (line["color"]["values"], line["width"]) == ([9, 8, 7, 20], 1.42)
