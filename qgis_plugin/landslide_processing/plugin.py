"""The plugin: it registers the provider, and brings the review panel into the window."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon

from .provider import ICON, NAME, LandslideProvider


class LandslidePlugin:
    """Registers the provider with Processing while the plugin is on.

    Args:
        iface: QGIS's window; None in ``qgis_process``, which has none.
    """

    def __init__(self, iface: Any = None) -> None:
        self.iface = iface
        self.provider: LandslideProvider | None = None
        self.panel: Any = None

    def initProcessing(self) -> None:
        """Called by ``qgis_process``."""
        self.provider = LandslideProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Called by QGIS."""
        # Widgets are of no use without a window.
        from .review_panel import ReviewPanel

        self.initProcessing()
        self.panel = ReviewPanel(self.iface.mapCanvas(), self.iface.mainWindow())
        self.iface.addDockWidget(Qt.RightDockWidgetArea, self.panel)
        self.panel.hide()
        action = self.panel.toggleViewAction()
        action.setIcon(QIcon(ICON))
        action.setToolTip("Review landslides: step from polygon to polygon, and answer by key")
        self.iface.addPluginToMenu(NAME, action)
        self.iface.addToolBarIcon(action)

    def unload(self) -> None:
        """Called when the plugin is switched off."""
        if self.panel is not None:
            action = self.panel.toggleViewAction()
            self.iface.removePluginMenu(NAME, action)
            self.iface.removeToolBarIcon(action)
            self.panel.close()
            self.iface.removeDockWidget(self.panel)
            self.panel.deleteLater()
            self.panel = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
