"""Loads what ``detect`` has written into QGIS, looks at styles and geometries, and draws a picture.

/usr/bin/python3 tests/qgis/check_outputs.py FOLDER

FOLDER holds scene.tif, slides.gpkg, slides.shp, slides.fgb, slides.geojson, probability.tif, mask.tif and spread.tif;
pictures are written beside them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import harness
from qgis.core import (
    Qgis,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsFeature,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.gui import QgsAttributeEditorContext, QgsAttributeForm, QgsGui
from qgis.PyQt.QtWidgets import QComboBox


def vector(path: str) -> QgsVectorLayer:
    layer = QgsVectorLayer(path, "layer", "ogr")
    assert layer.isValid(), path
    return layer


def raster(path: Path) -> QgsRasterLayer:
    layer = QgsRasterLayer(str(path), "layer")
    assert layer.isValid(), path
    return layer


def assert_features_are_valid(layer: QgsVectorLayer) -> None:
    assert layer.featureCount() > 0
    assert layer.crs().authid() == "EPSG:32648"
    for feature in layer.getFeatures():
        assert not feature.geometry().isEmpty()
        assert feature.geometry().isGeosValid(), feature.geometry().asWkt()


def evaluated(layer: QgsVectorLayer, expression: str, feature: QgsFeature) -> object:
    parsed = QgsExpression(expression)
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setFeature(feature)
    value = parsed.evaluate(context)
    assert not parsed.hasEvalError(), (expression, parsed.evalErrorString())
    return value


def assert_classified(layer: QgsVectorLayer) -> None:
    renderer = layer.renderer()
    assert renderer.type() == "categorizedSymbol", renderer.dump()
    classes = [category.value() for category in renderer.categories()]
    assert classes == ["high", "medium", "low", "drawn", "rejected"], classes
    for feature in layer.getFeatures():
        name = evaluated(layer, renderer.classAttribute(), feature)
        assert name == feature["confidence"], (name, feature["confidence"])
        feature["status"] = "not_landslide"
        assert evaluated(layer, renderer.classAttribute(), feature) == "rejected"
    assert "prob_mean" in layer.mapTipTemplate()


def assert_reviewable(layer: QgsVectorLayer) -> None:
    """Drop-downs, aliases with units, what a person may write, labels from a scale on, and a name for each."""
    fields = layer.fields()
    setups = {name: layer.editorWidgetSetup(fields.indexOf(name)) for name in ("status", "confidence", "area_m2")}
    assert [setups[name].type() for name in setups] == ["ValueMap", "ValueMap", "TextEdit"]
    values = [value for choice in setups["status"].config()["map"] for value in choice.values()]
    assert values == ["unreviewed", "landslide", "not_landslide", "unsure"], values
    assert layer.attributeAlias(fields.indexOf("area_m2")) == "Area (m²)"
    readonly = {field.name() for number, field in enumerate(fields) if layer.editFormConfig().readOnly(number)}
    assert not readonly & {"status", "confidence", "note"}, readonly
    assert "area_m2" in readonly, readonly
    assert layer.labelsEnabled()
    labels = layer.labeling().settings()
    assert (labels.fieldName, labels.scaleVisibility, labels.minimumScale) == ("id", True, 10_000), labels.minimumScale
    names = [evaluated(layer, layer.displayExpression(), feature) for feature in layer.getFeatures()]
    assert len(set(names)) == len(names), names[:3]
    assert all(name.startswith("No. ") and "m²" in name for name in names), names[:3]


def check_a_review_in_the_form(folder: Path) -> None:
    """What the form sets by itself when a polygon is drawn, and when a status is chosen."""
    layer = vector(f"{folder}/slides.gpkg|layername=landslides")
    fields = layer.fields()
    default = layer.defaultValueDefinition(fields.indexOf("status"))
    feature = next(layer.getFeatures())
    assert evaluated(layer, default.expression(), feature) == "landslide"
    for name in ("reviewer", "reviewed_at"):
        definition = layer.defaultValueDefinition(fields.indexOf(name))
        assert definition.applyOnUpdate()
        feature["status"] = "unreviewed"
        assert not evaluated(layer, definition.expression(), feature)
        feature["status"] = "unsure"
        value = evaluated(layer, definition.expression(), feature)
        assert name == "reviewer" or len(value) == len("2026-11-26T09:30:00"), value


def check_the_form_saves_a_status(folder: Path) -> None:
    """The form itself, as QGIS shows it: drop-downs, and a reviewer and a moment that fill in by themselves."""
    QgsGui.editorWidgetRegistry().initEditors()
    copy = Path(tempfile.mkdtemp(dir=folder)) / "slides.gpkg"
    shutil.copy(folder / "slides.gpkg", copy)
    layer = vector(f"{copy}|layername=landslides")
    layer.startEditing()
    feature = next(layer.getFeatures())
    form = QgsAttributeForm(layer, feature)
    form.setMode(QgsAttributeEditorContext.SingleEditMode)
    drop_downs = {
        tuple(box.itemText(place) for place in range(box.count())): box for box in form.findChildren(QComboBox)
    }
    # Those that begin with "Please select" are for a search.
    assert ("high", "medium", "low") in drop_downs, list(drop_downs)
    status = drop_downs["unreviewed", "landslide", "not a landslide", "unsure"]
    status.setCurrentText("not a landslide")
    form.resize(560, 900)
    form.grab().save(f"{folder}/form.png")
    assert form.save()
    assert layer.commitChanges(), layer.commitErrors()
    saved = vector(f"{copy}|layername=landslides").getFeature(feature.id())
    assert saved["status"] == "not_landslide"
    assert len(saved["reviewed_at"]) == len("2026-11-26T09:30:00"), saved["reviewed_at"]
    assert saved["area_m2"] == feature["area_m2"]


def check_landslides_of_a_geopackage(folder: Path) -> None:
    for path in (f"{folder}/slides.gpkg|layername=landslides", f"{folder}/slides.gpkg"):
        layer = vector(path)
        assert_classified(layer)
        assert_reviewable(layer)
        assert_features_are_valid(layer)


def check_analysed_of_a_geopackage(folder: Path) -> None:
    layer = vector(f"{folder}/slides.gpkg|layername=analysed")
    assert_features_are_valid(layer)
    kinds = [part.layerType() for part in layer.renderer().symbol().symbolLayers()]
    assert kinds == ["SimpleLine", "SimpleLine"], kinds


def check_styles_are_what_qgis_lists(folder: Path) -> None:
    layer = vector(f"{folder}/slides.gpkg|layername=landslides")
    count, _, names, *_ = layer.listStylesInDatabase()
    assert count == 1, (count, names)
    assert "landslides" in names


def check_files_with_a_style_beside(folder: Path) -> None:
    for name in ("slides.shp", "slides.fgb", "slides.geojson"):
        layer = vector(f"{folder}/{name}")
        assert_classified(layer)
        assert layer.featureCount() == vector(f"{folder}/slides.gpkg").featureCount()
    assert_features_are_valid(vector(f"{folder}/slides.shp"))


def check_probability(folder: Path) -> None:
    layer = raster(folder / "probability.tif")  # a renderer dies with its layer
    renderer = layer.renderer()
    assert renderer.type() == "singlebandpseudocolor"
    function = renderer.shader().rasterShaderFunction()
    assert (function.minimumValue(), function.maximumValue()) == (0, 1)
    assert function.shade(0.05)[-1] == 0
    assert function.shade(0.9)[-1] > 150


def check_spread(folder: Path) -> None:
    layer = raster(folder / "spread.tif")  # a renderer dies with its layer
    renderer = layer.renderer()
    assert renderer.type() == "singlebandpseudocolor"
    assert renderer.classificationMax() == 0.5


def check_mask(folder: Path) -> None:
    layer = raster(folder / "mask.tif")  # a renderer dies with its layer
    renderer = layer.renderer()
    assert renderer.type() == "paletted"
    alpha = {int(entry.value): entry.color.alpha() for entry in renderer.classes()}
    assert alpha.keys() == {0, 1}
    assert alpha[0] == 0 < alpha[1]


def check_pictures(folder: Path) -> None:
    """Every layer changes the picture of the scene, and leaves most of it to be seen."""
    scene = raster(folder / "scene.tif")
    slides, analysed = (vector(f"{folder}/slides.gpkg|layername={name}") for name in ("landslides", "analysed"))
    around = scene.extent().buffered(scene.extent().width() / 40)
    alone = harness.render([scene], around, f"{folder}/scene.png")
    layers = {
        "slides": [slides, analysed],
        "probability": [raster(folder / "probability.tif")],
        "mask": [raster(folder / "mask.tif")],
    }
    for name, above in layers.items():
        image = harness.render([*above, scene], around, f"{folder}/{name}.png")
        places = [(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)]
        changed = sum(image.pixel(*place) != alone.pixel(*place) for place in places) / len(places)
        assert 0.005 < changed < 0.5, (name, changed)


if __name__ == "__main__":
    print(f"QGIS {Qgis.QGIS_VERSION}", file=sys.stderr)
    harness.run(sys.modules[__name__], Path(sys.argv[1]).resolve())
