"""Landslide polygons from satellite, aerial and drone imagery.

``detect`` is the main job; what is named here is loaded on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landslide_cli._version import __version__

if TYPE_CHECKING:
    from landslide_cli.detection.polygonize import Polygonized, polygonize
    from landslide_cli.detection.run import Summary, detect

__all__ = ["Polygonized", "Summary", "__version__", "detect", "polygonize"]


def __getattr__(name: str) -> Any:
    if name in ("detect", "Summary"):
        from landslide_cli.detection import run as detection

        return getattr(detection, name)
    if name in ("polygonize", "Polygonized"):
        from landslide_cli.detection import polygonize as polygonizing

        return getattr(polygonizing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
