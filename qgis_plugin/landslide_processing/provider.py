"""The provider: its algorithms, and the setting that says where the command is."""

from __future__ import annotations

from pathlib import Path

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import checking, finding, teaching
from .algorithm import CommandAlgorithm

NAME = "Landslide"
COMMAND = "LANDSLIDE_COMMAND"
ICON = str(Path(__file__).with_name("icon.svg"))


class LandslideProvider(QgsProcessingProvider):
    """Algorithms that run the ``landslide`` command."""

    def id(self) -> str:
        return "landslide"

    def name(self) -> str:
        return NAME

    def longName(self) -> str:
        return "Landslides from imagery"

    def icon(self) -> QIcon:
        return QIcon(ICON)

    def svgIconPath(self) -> str:
        return ICON

    def load(self) -> bool:
        """Bring the setting into Settings > Options > Processing > Providers, then the algorithms."""
        ProcessingConfig.settingIcons[NAME] = self.icon()
        setting = Setting(NAME, COMMAND, "Path of the landslide command", "", valuetype=Setting.FILE)
        ProcessingConfig.addSetting(setting)
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        ProcessingConfig.removeSetting(COMMAND)

    def loadAlgorithms(self) -> None:
        for description in (*finding.DESCRIPTIONS, *checking.DESCRIPTIONS, *teaching.DESCRIPTIONS):
            self.addAlgorithm(CommandAlgorithm(description))

    def supportsNonFileBasedOutput(self) -> bool:
        return False

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        return ["gpkg", "shp", "geojson", "fgb"]

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        return ["tif"]

    def defaultVectorFileExtension(self, hasGeometry: bool = True) -> str:
        return "gpkg"
