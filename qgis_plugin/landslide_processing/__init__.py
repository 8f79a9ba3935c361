"""Landslides from imagery in QGIS: a Processing provider that runs the ``landslide`` command, and a review panel."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """What QGIS calls to make the plugin."""
    from .plugin import LandslidePlugin

    return LandslidePlugin(iface)
