"""Parameters of Processing that are layers, each with the words of the command line that its value becomes."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsProviderRegistry,
    QgsVectorLayer,
)

from .parameters import Call, Given, named, plain, shown

SCENE = "SCENE"


def raster(name: str, label: str, flag: str | None, hint: str, *, optional: bool = True) -> Given:
    """A raster that lies in a file; without flag it is the command's argument and must be there."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterRasterLayer(name, label, optional=optional and flag is not None), hint)

    def words(call: Call) -> list[str]:
        layer = call.algorithm.parameterAsRasterLayer(call.values, name, call.context)
        return [] if layer is None else named(flag, _file(layer, label, "gdal"))

    return Given(make, words, flag)


def inventory(name: str, label: str, flag: str | None, hint: str) -> Given:
    """A vector layer whose whole file is the command's argument: other layers in it count as well."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterVectorLayer(name, label), hint)

    def words(call: Call) -> list[str]:
        layer = call.algorithm.parameterAsVectorLayer(call.values, name, call.context)
        return named(flag, _file(layer, label, "ogr"))

    return Given(make, words, flag)


def inventories(name: str, label: str, hint: str) -> Given:
    """Several of them."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterMultipleLayers(name, label, QgsProcessing.TypeVectorPolygon), hint)

    def words(call: Call) -> list[str]:
        layers = call.algorithm.parameterAsLayerList(call.values, name, call.context)
        # Two layers of one file name it once.
        return list(dict.fromkeys(_file(layer, label, "ogr") for layer in layers))

    return Given(make, words)


def polygons(name: str, label: str, flag: str, hint: str, *, optional: bool = True) -> Given:
    """Polygons of any layer, filtered or selected as they are in QGIS; they are handed over in a file of their own."""

    def make() -> QgsProcessingParameterDefinition:
        kinds = [QgsProcessing.TypeVectorPolygon]
        return shown(QgsProcessingParameterFeatureSource(name, label, kinds, optional=optional), hint)

    def words(call: Call) -> list[str]:
        if not call.given(name):
            return []
        # No format counts as compatible, so that the layer is always written anew, alone in its file.
        file = call.algorithm.parameterAsCompatibleSourceLayerPath(
            call.values, name, call.context, [], "gpkg", call.feedback
        )
        return [flag, file]

    return Given(make, words, flag)


def extent(name: str, label: str, flag: str, hint: str) -> Given:
    """A rectangle, brought into the CRS of the scene; may be left out."""

    def make() -> QgsProcessingParameterDefinition:
        return shown(QgsProcessingParameterExtent(name, label, optional=True), hint)

    def words(call: Call) -> list[str]:
        if not call.given(name):
            return []
        scene = call.algorithm.parameterAsRasterLayer(call.values, SCENE, call.context)
        box = call.algorithm.parameterAsExtent(call.values, name, call.context, scene.crs())
        return [flag, ",".join(map(plain, (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())))]

    return Given(make, words, flag)


def _file(layer: QgsMapLayer, label: str, provider: str) -> str:
    """What the command can open of a layer.

    Raises:
        QgsProcessingException: it lies in no file, or the file lacks what was edited.
    """
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source())
    file = parts.get("path")
    if layer.providerType() != provider or not file:
        raise QgsProcessingException(
            f"{label}: the layer {layer.name()} lies in no file that landslide can read; save it as one first "
            "(Layer > Save As)"
        )
    if isinstance(layer, QgsVectorLayer) and layer.isModified():
        raise QgsProcessingException(
            f"{label}: the layer {layer.name()} has edits that aren't saved; save them first (Layer > Save Layer Edits)"
        )
    return layer.source() if provider == "gdal" else str(Path(file))
