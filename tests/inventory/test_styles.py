from __future__ import annotations

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
from landslide_cli.inventory.geopackage import LAYERS, NEW, read_style
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
    assert set(table.index) == set(LAYERS) <= set(layers)
    assert table["useAsDefault"].all()
    for name in LAYERS:
        assert table["styleQML"][name] == read_style(name)
        assert table["f_geometry_column"][name] == layers[name]["geometry_name"]
    assert not out.with_suffix(".qml").exists()


def test_new_landslides_are_shown_apart_from_old_ones(probability: Path, tmp_path: Path) -> None:
    out = tmp_path / "slides.gpkg"
    assert polygonize(probability, "-o", out, "--before", probability).exit_code == 0
    table = pyogrio.read_dataframe(out, layer="layer_styles").set_index("styleName")
    assert table["f_table_name"].to_dict() == {name: name for name in LAYERS} | {NEW: "landslides"}
    assert table["useAsDefault"].to_dict() == {"landslides": False, "analysed": True, NEW: True}
    assert table["styleQML"][NEW] == read_style(NEW)
    assert polygonize(probability, "-o", out.with_suffix(".fgb"), "--before", probability).exit_code == 0
    assert out.with_suffix(".qml").read_text(encoding="utf-8") == read_style(NEW)
    style = ElementTree.fromstring(read_style(NEW))
    symbols = [symbol.get("name") for symbol in style.iterfind("renderer-v2/symbols/symbol")]
    assert [rule.get("symbol") for rule in style.iter("rule")] == symbols
    assert all('"new"' in (rule.get("filter") or "") for rule in style.iter("rule"))


@pytest.mark.parametrize("ending", ["shp", "geojson", "fgb"])
def test_other_formats_have_their_style_beside(ending: str, probability: Path, tmp_path: Path) -> None:
    assert polygonize(probability, "-o", tmp_path / f"slides.{ending}").exit_code == 0
    assert (tmp_path / "slides.qml").read_text(encoding="utf-8") == read_style("landslides")


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
    assert mine.read_text(encoding="utf-8") == read_style("landslides")


def test_two_outputs_cannot_share_a_style(make_scene: MakeScene, small_model: Path, tmp_path: Path) -> None:
    scene = make_scene(np.full((3, 64, 64), 90, np.uint8))
    words = ["-o", tmp_path / "a.shp", "--mask", tmp_path / "a.tif", "--model", small_model]
    result = CliRunner().invoke(main, ["detect", str(scene), *map(str, words)])
    assert result.exit_code == 1
    assert "a.qml are the same file; name each differently" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "scene.tif"]


def test_landslides_are_coloured_by_an_attribute_of_every_format_without_gaps() -> None:
    style = ElementTree.fromstring(read_style("landslides"))
    renderer = style.find("renderer-v2")
    assert renderer is not None
    assert renderer.get("attr") in FIELDS.keys() - SHORT_NAMES.keys()
    limits = [(float(r.get("lower", "")), float(r.get("upper", ""))) for r in renderer.iter("range")]
    assert [upper for _, upper in limits[:-1]] == [lower for lower, _ in limits[1:]]
    assert (limits[0][0], limits[-1][1]) == (0, 1)
    symbols = [symbol.get("name") for symbol in renderer.iterfind("symbols/symbol")]
    assert [r.get("symbol") for r in renderer.iter("range")] == symbols


@pytest.mark.parametrize("name", [*LAYERS, NEW, *RASTERS])
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
