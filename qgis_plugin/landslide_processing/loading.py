"""How results come into the project: with their styles, polygons above rasters."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import (
    QgsLayerTreeLayer,
    QgsMapLayer,
    QgsMapLayerType,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
)
from qgis.PyQt import sip

RESULT = "landslide_processing/result"


class Styled(QgsProcessingLayerPostProcessorInterface):
    """Gives a loaded layer the style that its file carries, which Processing passes over."""

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Called in the main thread when the layer is in the project."""
        layer.loadDefaultStyle()
        layer.triggerRepaint()
        _sort(layer)


# The context owns and deletes each processor, but holds no reference that Python would count; and it deletes once for
# each layer, so that every layer has its own.
_alive: list[Styled] = []


def _styled() -> Styled:
    _alive[:] = [processor for processor in _alive if not sip.isdeleted(processor)]
    _alive.append(Styled())
    return _alive[-1]


def load_styled(files: Iterable[str], inventory: str | None, context: QgsProcessingContext) -> None:
    """Style the files that the user wants loaded, and load the analysed area with an inventory that has it."""
    for file in files:
        if context.willLoadLayerOnCompletion(file):
            context.layerToLoadOnCompletionDetails(file).setPostProcessor(_styled())
    if inventory and inventory.endswith(".gpkg") and context.willLoadLayerOnCompletion(inventory):
        project = context.layerToLoadOnCompletionDetails(inventory).project
        _load(inventory, "analysed", "Analysed", project, context)


def load_inventory(file: str, context: QgsProcessingContext) -> None:
    """Load the layers of a GeoPackage that is no parameter, so that nobody could say whether to load it."""
    for layer, label in (("landslides", "Landslides"), ("analysed", "Analysed")):
        _load(file, layer, label, context.project(), context)


def _load(file: str, layer: str, label: str, project: QgsProject, context: QgsProcessingContext) -> None:
    details = QgsProcessingContext.LayerDetails(label, project, label.upper())
    details.setPostProcessor(_styled())
    context.addLayerToLoadOnCompletion(f"{file}|layername={layer}", details)


def _sort(layer: QgsMapLayer) -> None:
    """Move a raster below the polygons that were loaded before it: Processing puts each result on top."""
    layer.setCustomProperty(RESULT, True)
    node = QgsProject.instance().layerTreeRoot().findLayer(layer.id())
    if node is None or layer.type() != QgsMapLayerType.RasterLayer:
        return
    parent = node.parent()
    siblings = parent.children()
    at = siblings.index(node)
    below = at + 1
    while below < len(siblings) and _is_polygons(siblings[below]):
        below += 1
    if below > at + 1:
        parent.insertChildNode(below, node.clone())
        parent.removeChildNode(node)


def _is_polygons(node: object) -> bool:
    """Whether the node holds polygons that an algorithm of ours has loaded."""
    if not isinstance(node, QgsLayerTreeLayer) or node.layer() is None:
        return False
    layer = node.layer()
    return layer.type() == QgsMapLayerType.VectorLayer and bool(layer.customProperty(RESULT))
