"""The plugin: it registers the provider, and nothing else."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import LandslideProvider


class LandslidePlugin:
    """Registers the provider with Processing while the plugin is on."""

    def __init__(self) -> None:
        self.provider: LandslideProvider | None = None

    def initProcessing(self) -> None:
        """Called by ``qgis_process``, which has no window."""
        self.provider = LandslideProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Called by QGIS."""
        self.initProcessing()

    def unload(self) -> None:
        """Called when the plugin is switched off."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
