from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import rasterio
from click.testing import CliRunner, Result

from landslide_cli.cli import main
from landslide_cli.detection.outputs import RASTERS
from landslide_cli.inventory.attributes import FIELDS, SHORT_NAMES
from landslide_cli.inventory.classes import CLASSES, legend
from landslide_cli.inventory.confidence import CONFIDENCES, Bar, Confidence
from landslide_cli.inventory.geopackage import LAYERS
from landslide_cli.inventory.review import REVIEW_FIELDS, STATUSES
from landslide_cli.inventory.styling import ALIASES, LABELS_FROM, read_style
from landslide_cli.report.imagery import class_colours
from tests.conftest import MakeScene


@pytest.fixture
def probability(make_scene: MakeScene) -> Path:
    values = np.zeros((1, 60, 60), np.float32)
    values[0, 10:30, 10:30] = 0.8
    return make_scene(values, name="probability.tif")


def polygonize(*words: object) -> Result:
    return CliRunner().invoke(main, ["polygonize", *map(str, words), "--threshold", "0.5", "-q"])


def test_a_geopackage_holds_the_default_style_of_each_layer(probability: Path, tmp_path: Path) -> None:
    out = tmp_path / "slides.gpkg"
    assert polygonize(probability, "-o", out).exit_code == 0
    table = pyogrio.read_dataframe(out, layer="layer_styles").set_index("f_table_name")
    layers = {name: pyogrio.read_info(out, layer=name) for name, kind in pyogrio.list_layers(out) if kind is not None}
    assert set(table.index) == {"landslides", "analysed"} <= set(layers) & set(LAYERS)
    assert table["useAsDefault"].all()
    for name in table.index:
        assert table["styleQML"][name] == read_style(name)
        assert table["f_geometry_column"][name] == layers[name]["geometry_name"]
    assert not out.with_suffix(".qml").exists()


@pytest.mark.parametrize("ending", ["shp", "geojson", "fgb"])
def test_other_formats_have_their_style_beside(ending: str, probability: Path, tmp_path: Path) -> None:
    assert polygonize(probability, "-o", tmp_path / f"slides.{ending}").exit_code == 0
    style = read_style("landslides", shapefile=ending == "shp")
    assert (tmp_path / "slides.qml").read_text(encoding="utf-8") == style


def test_rasters_have_their_style_beside(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene = make_scene(np.full((3, 64, 64), 90, np.uint8))
    words = [scene, "-o", tmp_path / "s.gpkg", "--model", small_model, "--tta", "flips", "-q"]
    rasters = [word for kind in RASTERS for word in (f"--{kind}", tmp_path / f"{kind}_of_it.tif")]
    result = CliRunner().invoke(main, ["detect", *map(str, [*words, *rasters])])
    assert result.exit_code == 0, result.output
    for kind in RASTERS:
        assert (tmp_path / f"{kind}_of_it.qml").read_text(encoding="utf-8") == read_style(kind)
        with rasterio.open(tmp_path / f"{kind}_of_it.tif") as src:
            assert src.scales[0] == RASTERS[kind][1]


def test_a_style_that_exists_is_an_output_that_exists(probability: Path, tmp_path: Path) -> None:
    mine = tmp_path / "slides.qml"
    mine.write_text("mine")
    result = polygonize(probability, "-o", tmp_path / "slides.shp")
    assert result.exit_code == 1
    assert "slides.qml exists; choose another name or allow it with --overwrite" in result.output
    assert mine.read_text() == "mine"
    assert polygonize(probability, "-o", tmp_path / "slides.shp", "--overwrite").exit_code == 0
    assert mine.read_text(encoding="utf-8") == read_style("landslides", shapefile=True)


def test_two_outputs_cannot_share_a_style(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene = make_scene(np.full((3, 64, 64), 90, np.uint8))
    words = ["-o", tmp_path / "a.shp", "--mask", tmp_path / "a.tif", "--model", small_model]
    result = CliRunner().invoke(main, ["detect", str(scene), *map(str, words)])
    assert result.exit_code == 1
    assert "a.qml are the same file; name each differently" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "scene.tif"]


MEASURED = Confidence(Bar(0.8, 500, precision=0.93, landslides=40), Bar(0.55, 100, precision=0.7), Bar(precision=0.4))


def quoted(style: ElementTree.Element) -> set[str]:
    """The fields that expressions name, without what they print."""
    texts = [text for node in style.iter() for text in (node.text, node.get("expression"), node.get("attr")) if text]
    return {name for text in texts for name in re.findall(r'"(\w+)"', text)}


@pytest.mark.parametrize("shapefile", [False, True])
def test_the_style_speaks_of_fields_that_are_there(shapefile: bool) -> None:
    style = ElementTree.fromstring(read_style("landslides", shapefile=shapefile))
    there = [SHORT_NAMES.get(name, name) if shapefile else name for name in FIELDS]
    assert quoted(style) <= set(there)
    assert style.find("labeling/settings/text-style").get("fieldName") in there  # type: ignore[union-attr]
    for part in ("fieldConfiguration/field", "editable/field"):
        assert [node.get("name") for node in style.iterfind(part)] == there
    for part in ("aliases/alias", "defaults/default"):
        assert {node.get("field") for node in style.iterfind(part)} <= set(there)


def test_every_attribute_has_an_alias_with_its_unit() -> None:
    assert set(ALIASES) == set(FIELDS)
    for name, alias in ALIASES.items():
        unit = {"m2": "(m²)", "m": "(m)", "deg": "(°)"}.get(name.rsplit("_", 1)[-1])
        assert unit is None or alias.endswith(unit), name
    assert len(set(ALIASES.values())) == len(ALIASES)


@pytest.mark.parametrize(("field", "values"), [("status", STATUSES), ("confidence", CONFIDENCES)])
def test_what_a_person_chooses_is_a_drop_down_of_all_values(field: str, values: tuple[str, ...]) -> None:
    style = ElementTree.fromstring(read_style("landslides"))
    (widget,) = style.iterfind(f"fieldConfiguration/field[@name='{field}']/editWidget")
    assert widget.get("type") == "ValueMap"
    choices = widget.iterfind("config/Option/Option[@name='map']/Option/Option")
    assert tuple(choice.get("value") for choice in choices) == values


def test_a_person_writes_the_review_and_not_the_measures() -> None:
    style = ElementTree.fromstring(read_style("landslides"))
    editable = {node.get("name") for node in style.iterfind("editable/field") if node.get("editable") == "1"}
    assert editable == {*REVIEW_FIELDS, "confidence"}


def test_a_landslide_is_called_by_what_tells_it_from_its_neighbours() -> None:
    style = ElementTree.fromstring(read_style("landslides"))
    assert set(re.findall(r'"(\w+)"', style.findtext("previewExpression", ""))) == {"id", "area_m2", "confidence"}
    rendering = style.find("labeling/settings/rendering")
    assert rendering is not None
    assert (rendering.get("scaleVisibility"), int(rendering.get("scaleMax", ""))) == ("1", LABELS_FROM)


def test_classes_colours_and_legend_are_those_of_the_one_table() -> None:
    style = ElementTree.fromstring(read_style("landslides", MEASURED))
    categories = {node.get("value"): node for node in style.iter("category")}
    assert list(categories) == [shown.name for shown in CLASSES]
    symbols = {node.get("name"): node for node in style.iterfind("renderer-v2/symbols/symbol")}
    for shown in CLASSES:
        symbol = symbols[categories[shown.name].get("symbol")]
        colours = [node.get("v") for node in symbol.iter("prop") if node.get("k") == "line_color"]
        red, green, blue = (int(shown.colour[at : at + 2], 16) for at in (1, 3, 5))
        assert colours[-1] == f"{red},{green},{blue},255"
        assert categories[shown.name].get("label") == legend(MEASURED)[shown.name]
    assert "mean probability 0.8 or more, 500 m² or more; 93% right on held-out images" in legend(MEASURED)["high"]


def test_a_mask_lets_the_ground_through() -> None:
    style = ElementTree.fromstring(read_style("mask"))
    opacity = {node.get("value"): int(node.get("alpha", "")) for node in style.iter("paletteEntry")}
    assert opacity["0"] == 0 < opacity["1"] <= 80  # of 255


def test_probability_has_one_ramp_in_qgis_and_in_the_report() -> None:
    style = ElementTree.fromstring(read_style("probability"))
    ramp = {float(node.get("value", "")): node for node in style.iter("item")}
    assert (ramp[0.0].get("alpha"), ramp[0.1].get("alpha")) == ("0", "0")
    red, green, blue, opacity = class_colours()[-1].tolist()
    assert (ramp[1.0].get("color"), ramp[1.0].get("alpha")) == (f"#{red:02x}{green:02x}{blue:02x}", str(opacity))


@pytest.mark.parametrize("name", [*LAYERS, *RASTERS])
def test_styles_are_in_the_package_and_well_formed(name: str) -> None:
    assert ElementTree.fromstring(read_style(name)).tag == "qgis"


def test_a_stac_item_has_no_style(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene = make_scene(np.full((3, 64, 64), 90, np.uint8))
    for out, styles in (("a.gpkg", []), ("b.shp", ["b.qml"])):
        words = ["-o", tmp_path / out, "--stac", "--model", small_model, "-q"]
        result = CliRunner().invoke(main, ["detect", str(scene), *map(str, words)])
        assert result.exit_code == 0, result.output
        stem = Path(out).stem
        assert (tmp_path / f"{stem}.json").exists()
        assert [path.name for path in tmp_path.glob(f"{stem}.qml")] == styles
