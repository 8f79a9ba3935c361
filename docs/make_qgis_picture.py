"""Draws the picture in docs/qgis.md with QGIS, from the outputs of `make demo`, in the styles that they carry.

/usr/bin/python3 docs/make_qgis_picture.py demo/demo.tif demo/slides.gpkg docs/qgis.png
"""

from __future__ import annotations

import os
import sys

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PIL import Image
from qgis.core import (
    QgsApplication,
    QgsLayerTree,
    QgsLayoutExporter,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLegendStyle,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtGui import QFont

SIDE_MM = 130
LEGEND_MM = 52
METRES = 900
DPI = 130


def main(scene: str, slides: str, out: str) -> None:
    """Draw the upper right of the scene with its landslides, and their legend below."""
    project = QgsProject.instance()
    image = QgsRasterLayer(scene, "scene")
    layers = [QgsVectorLayer(f"{slides}|layername={name}", name, "ogr") for name in ("landslides", "analysed")]
    project.addMapLayers([image, *layers])
    # Without it the map has no scale, and so no labels.
    project.setCrs(image.crs())
    layout = QgsPrintLayout(project)
    layout.initializeDefaults()
    layout.pageCollection().page(0).setPageSize(QgsLayoutSize(SIDE_MM, SIDE_MM + LEGEND_MM))
    view = QgsLayoutItemMap(layout)
    view.attemptMove(QgsLayoutPoint(0, 0))
    view.attemptResize(QgsLayoutSize(SIDE_MM, SIDE_MM))
    corner = image.extent()
    left, top = corner.xMaximum() + 15 - METRES, corner.yMaximum() + 15
    view.setExtent(QgsRectangle(left, top - METRES, left + METRES, top))
    view.setLayers([*layers, image])
    layout.addLayoutItem(view)
    legend = QgsLayoutItemLegend(layout)
    legend.setAutoUpdateModel(False)
    tree = QgsLayerTree()
    for layer in layers:
        tree.addLayer(layer)
    legend.model().setRootGroup(tree)
    for part in (QgsLegendStyle.Subgroup, QgsLegendStyle.SymbolLabel):
        legend.setStyleFont(part, QFont("sans", 7))
    layout.addLayoutItem(legend)
    legend.adjustBoxSize()
    legend.attemptMove(QgsLayoutPoint(0, SIDE_MM))
    QgsLayoutExporter(layout).renderPageToImage(0, dpi=DPI).save(out)
    # A palette makes a third of the file; this one keeps the colours of the classes apart.
    Image.open(out).convert("RGB").quantize(200, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        out, optimize=True
    )


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    main(*sys.argv[1:])
    # Taking QGIS down in order crashes in some versions.
    os._exit(0)
