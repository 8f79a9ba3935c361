"""Values that are handed on can't be changed behind anybody's back."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

import landslide_cli

# What gathers something while it runs; all others are values.
GATHERING = {
    "batch.elsewhere._Opened", "detection.prepare.Prepared", "detection.preview.Preview", "detection.probe._Cost",
    "files.staging.Staging", "inventory.filling.Filled", "merging.records.Records", "merging.scenes.Scenes",
    "merging.stock.Stock", "metrics.objects.Overlaps", "prediction.predictor.Predictor", "prediction.strips.Strips",
    "scene.ground.Bounds",
}  # fmt: skip


def test_dataclasses_are_frozen_but_for_those_that_gather() -> None:
    loose = set()
    for module in pkgutil.walk_packages(landslide_cli.__path__, "landslide_cli."):
        held = [] if module.name.endswith("__main__") else vars(importlib.import_module(module.name)).values()
        ours = [kind for kind in held if isinstance(kind, type) and kind.__module__ == module.name]
        loose |= {
            f"{module.name.removeprefix('landslide_cli.')}.{kind.__name__}"
            for kind in ours
            if dataclasses.is_dataclass(kind) and not kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
        }
    assert loose == GATHERING
