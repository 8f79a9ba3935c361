"""Runs the functions of a script whose names begin with ``check_`` inside QGIS; prints a line of JSON for each.

Runs with QGIS's own Python, which has neither pytest nor this project's packages.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
import traceback
from types import ModuleType
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"
# The settings of whoever runs the tests stay as they are.
os.environ["QGIS_CUSTOM_CONFIG_PATH"] = tempfile.mkdtemp(prefix="qgis-settings-")
sys.path.append("/usr/share/qgis/python/plugins")

from qgis.core import QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings
from qgis.PyQt.QtCore import QSize


def run(module: ModuleType, *arguments: Any) -> None:
    """Start QGIS, call every check with the arguments, tell which failed, and how."""
    application = QgsApplication([], True)
    application.initQgis()
    if hasattr(module, "set_up"):
        module.set_up(*arguments)
    for name, check in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("check_") and os.environ.get("ONLY", "") in name:
            try:
                check(*arguments)
                result = "passed"
            except Exception:
                result = traceback.format_exc()
            print(json.dumps([name, result]), flush=True)
    # Taking QGIS down in order is no part of what is checked, and crashes in some versions.
    os._exit(0)


def render(layers: list[Any], extent: Any, out: str, *, width: int = 900) -> Any:
    """Draw layers, the first on top, as QGIS's map window would; write the picture and give it back."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(width, round(width * extent.height() / extent.width())))
    settings.setDestinationCrs(layers[-1].crs())
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    assert image.save(out)
    return image
