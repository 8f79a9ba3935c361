"""Landslide polygons from satellite, aerial and drone imagery.

    scene ──plan──► windows ──read──► batches ──network──► probabilities ──blend──► finished strips
                                                                                      │        │
                                              probability / mask GeoTIFF ◄──write─────┘        │
                                     GeoPackage (landslides, analysed, style) ◄──polygonize────┘

``detect`` is the main job. Three values say how it is done: a `View`, what of the scene is seen; `PolygonRules`, what
counts as a landslide; and a `Runtime`, what predicts. What is named here is loaded on first use, so that importing the
package stays cheap.

    import landslide_cli as landslide

    slides = landslide.detect("scene.tif")                                # a GeoDataFrame
    rules = landslide.PolygonRules(min_area_m2=100)
    summary = landslide.detect("scene.tif", "slides.gpkg", rules=rules)   # a file, and what is in it

Each command has its function: `detect`, `polygonize`, `measure` and `merge` are called like theirs; `preview` is
``landslide info``, `run_batch` ``batch``, `find_changes` ``changes``, `write_report` ``report``, and ``evaluate`` is
`evaluate_chips` or `evaluate_inventory`. Those that may take long call ``on_progress(done, total)``, some of them with
words for it as a third argument.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from landslide_cli._version import __version__
from landslide_cli.errors import LandslideError

if TYPE_CHECKING:
    from landslide_cli.batch.running import run_batch
    from landslide_cli.changes.find import Changes, find_changes
    from landslide_cli.changes.rules import ChangeRules
    from landslide_cli.detection.outputs import Outputs
    from landslide_cli.detection.polygonize import polygonize
    from landslide_cli.detection.preview import preview
    from landslide_cli.detection.run import detect
    from landslide_cli.detection.summary import Summary
    from landslide_cli.evaluation.chips import evaluate_chips
    from landslide_cli.evaluation.inventories import evaluate_inventory
    from landslide_cli.evaluation.summary import Evaluation
    from landslide_cli.inventory.measure import Measurement, measure
    from landslide_cli.inventory.read import read_inventory
    from landslide_cli.inventory.rules import PolygonRules
    from landslide_cli.merging.merge import Merged, merge
    from landslide_cli.prediction.runtime import Runtime
    from landslide_cli.report.writing import Report, write_report
    from landslide_cli.scene.view import View

__all__ = [
    "ChangeRules",
    "Changes",
    "Evaluation",
    "LandslideError",
    "Measurement",
    "Merged",
    "Outputs",
    "PolygonRules",
    "Report",
    "Runtime",
    "Summary",
    "View",
    "__version__",
    "detect",
    "evaluate_chips",
    "evaluate_inventory",
    "find_changes",
    "measure",
    "merge",
    "polygonize",
    "preview",
    "read_inventory",
    "run_batch",
    "write_report",
]

_ROOMS = {
    "ChangeRules": "changes.rules",
    "Changes": "changes.find",
    "Evaluation": "evaluation.summary",
    "Measurement": "inventory.measure",
    "Merged": "merging.merge",
    "Outputs": "detection.outputs",
    "PolygonRules": "inventory.rules",
    "Report": "report.writing",
    "Runtime": "prediction.runtime",
    "Summary": "detection.summary",
    "View": "scene.view",
    "detect": "detection.run",
    "evaluate_chips": "evaluation.chips",
    "evaluate_inventory": "evaluation.inventories",
    "find_changes": "changes.find",
    "measure": "inventory.measure",
    "merge": "merging.merge",
    "polygonize": "detection.polygonize",
    "preview": "detection.preview",
    "read_inventory": "inventory.read",
    "run_batch": "batch.running",
    "write_report": "report.writing",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
