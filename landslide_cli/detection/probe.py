"""What a run would take in time and memory, from a few windows of its scene."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from landslide_cli.detection.joining import open_collector
from landslide_cli.detection.outputs import provenance
from landslide_cli.engine import Engine
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.mosaic.blend import Prediction, blend
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.tiles import read_tiles
from landslide_cli.tiling.grid import Grid
from landslide_cli.tiling.resampling import PIXELS_AT_ONCE, Scaling
from landslide_cli.typing import Float32, OnNote

TIMED = 3  # batches of the probe that are timed, after one that warms up
LOOKED_AT = 64  # windows that are looked into for valid pixels, in whole rows of them
ROWS_AT_LEAST = 3


@dataclass(frozen=True, slots=True)
class Needs:
    """Time and memory that a run would take.

    Attributes:
        seconds: Time of the run once the network is loaded: reading, network, polygons.
        memory_bytes: Largest memory of the process.
    """

    seconds: float
    memory_bytes: int


def probe(plan: Plan, engine: Engine, on_progress: OnNote | None = None) -> Needs | None:
    """Ask the network about a few windows of the scene; None where none of them holds a valid pixel.

    Args:
        plan: What would be predicted.
        engine: What would predict.
        on_progress: Called after each step with their number, those in all, and words.
    """
    tell = on_progress or (lambda *_: None)
    rows = _spread(plan.grid.rows.count, max(LOOKED_AT // plan.grid.cols.count, ROWS_AT_LEAST))
    image, looked_at, valid = None, 0, 0
    steps = len(rows) + 1 + TIMED
    with _Cost() as reading:
        for number, row in enumerate(rows, 1):
            for seen in read_tiles(plan, range(row, row + 1)):
                looked_at += 1
                if seen.image is not None:
                    valid += 1
                    image = seen.image.copy() if image is None else image
            tell(number, steps, f"{looked_at} windows read")
    if image is None:
        return None
    windows = len(plan.grid) * valid / looked_at
    batch = np.stack([image] * engine.batch_size)
    probability = engine(batch, plan.value_range)[0]  # the first call also chooses kernels
    tell(len(rows) + 1, steps, "network warmed up")
    with _Cost() as network:
        for number in range(1, TIMED + 1):
            engine(batch, plan.value_range)
            tell(len(rows) + 1 + number, steps, f"network asked {number} of {TIMED} times")
    # Before a window is blended here, since that memory is in the buffers.
    memory_bytes = _peak_bytes() + buffer_bytes(plan)
    polygons, file, part = _polygonize(plan, engine, probability)
    seconds = _together(
        # Rows of windows that follow each other share what they overlap.
        reading.times(plan.rows.seen / min(plan.rows.seen, len(rows) * plan.size)),
        network.times(windows / (TIMED * engine.batch_size)),
        polygons.times(valid / looked_at / part),
        file,
    )
    return Needs(seconds, memory_bytes)


def _spread(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` of ``count`` numbers, evenly apart."""
    return sorted({int((number + 0.5) * count / wanted) for number in range(wanted)})


@dataclass(slots=True)
class _Cost:
    """Seconds that something takes: by the clock, and of all cores together."""

    clock: float = 0.0
    cores: float = 0.0

    def __enter__(self) -> _Cost:
        self.clock, self.cores = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.clock += time.perf_counter()
        self.cores += time.process_time()

    def times(self, factor: float) -> _Cost:
        return _Cost(self.clock * factor, self.cores * factor)


def _together(*stages: _Cost) -> float:
    """Seconds of stages that overlap in time but share the machine's cores."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(*(stage.clock for stage in stages), sum(stage.cores for stage in stages) / usable)


def _polygonize(plan: Plan, engine: Engine, probability: Float32) -> tuple[_Cost, _Cost, float]:
    """Blend one window and make polygons of it: what that takes, what their file does, and which part of the scene."""
    scene, size = plan.scene, plan.size
    seen = min(size, plan.rows.seen), min(size, plan.cols.seen)
    height, width = min(plan.scene_px(size)[0], scene.height), min(plan.scene_px(size)[1], scene.width)
    grid = Grid.square(*seen, size, plan.grid.rows.overlap)
    predictions = (Prediction(tile, probability) for tile in grid.tiles())
    shown = Scaling(height, seen[0]), Scaling(width, seen[1])
    with TemporaryDirectory() as folder:
        with _Cost() as opening:
            measurer = Measurer(scene.ground, PolygonRules(threshold=plan.card.threshold))
            tags = provenance(plan, engine, measurer)
            inventory = open_collector(Path(folder) / "probe.gpkg", plan, measurer, tags).inventory
        collector = Collector(inventory, width)
        with _Cost() as cost:
            for strip in blend(predictions, grid, scene=shown, spread=plan.tta != "none"):
                collector.add(strip)
            collector.close()
        with _Cost() as closing:
            inventory.close()
    file = _Cost(opening.clock + closing.clock, opening.cores + closing.cores)
    return cost, file, height * width / (scene.height * scene.width)


def buffer_bytes(plan: Plan) -> int:
    """Memory that a run needs for the width of its scene: block cache, rows read and blended, a strip made of them."""
    # A strip is quantised by way of float32, searched for polygons and written.
    strip = max(plan.scene.width, PIXELS_AT_ONCE) * 3 * 4
    return plan.cache_bytes + plan.read_bytes + plan.blended_bytes + strip


def _peak_bytes() -> int:
    """Largest memory of this process so far."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
