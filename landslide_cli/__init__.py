"""Landslide polygons from satellite, aerial and drone imagery.

``detect`` is the main job; what is named here is loaded on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landslide_cli._version import __version__

if TYPE_CHECKING:
    from landslide_cli.detection import Summary, detect
    from landslide_cli.polygonizing import Polygonized, polygonize

__all__ = ["Polygonized", "Summary", "__version__", "detect", "polygonize"]


def __getattr__(name: str) -> Any:
    if name in ("detect", "Summary"):
        from landslide_cli import detection

        return getattr(detection, name)
    if name in ("polygonize", "Polygonized"):
        from landslide_cli import polygonizing

        return getattr(polygonizing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
