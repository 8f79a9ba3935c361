"""Loads what ``detect`` has written into QGIS, looks at styles and geometries, and draws a picture.

/usr/bin/python3 tests/qgis/check_outputs.py FOLDER

FOLDER holds scene.tif, slides.gpkg, slides.shp, slides.fgb, slides.geojson, probability.tif, mask.tif and spread.tif;
pictures are written beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import harness
from qgis.core import Qgis, QgsRasterLayer, QgsVectorLayer


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


def assert_graduated(layer: QgsVectorLayer) -> None:
    renderer = layer.renderer()
    assert (renderer.type(), renderer.classAttribute()) == ("graduatedSymbol", "prob_mean"), renderer.dump()
    for feature in layer.getFeatures():
        assert renderer.rangeForValue(feature["prob_mean"]), feature["prob_mean"]
    assert renderer.rangeForValue(0.001)
    assert renderer.rangeForValue(1.0)
    assert "prob_mean" in layer.mapTipTemplate()


def check_landslides_of_a_geopackage(folder: Path) -> None:
    for path in (f"{folder}/slides.gpkg|layername=landslides", f"{folder}/slides.gpkg"):
        layer = vector(path)
        assert_graduated(layer)
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
        assert_graduated(layer)
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
