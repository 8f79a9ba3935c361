"""What became of the scenes, in numbers and words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landslide_cli.batch.ledger import Ledger, Record
from landslide_cli.batch.naming import MERGED
from landslide_cli.batch.planning import Batch
from landslide_cli.detection.summary import nan_as_none
from landslide_cli.errors import counted, shown


@dataclass(frozen=True, slots=True)
class SceneResult:
    """The outcome of one scene.

    Attributes:
        scene: Where it lies.
        out: Its inventory; None if there is none.
        state: ``done``, ``failed``, ``outside`` of the area of interest, or ``left`` to do.
        landslides: Polygons that were found; None if it isn't done.
        area_m2: Their area together; None if it isn't done or has no CRS.
        reason: Why it failed or is left.
    """

    scene: str
    out: str | None
    state: str
    landslides: int | None
    area_m2: float | None
    reason: str

    @property
    def text(self) -> str:
        """What there is to say of it, in one line."""
        if self.state == "done":
            hectares = "" if self.area_m2 is None else f", {self.area_m2 / 1e4:.2f} ha"
            return f"{counted(self.landslides or 0, 'landslide')}{hectares}"
        if self.state == "outside":
            return "outside of the area of interest"
        # Most reasons begin with the scene's name.
        return self.reason.removeprefix(self.scene).lstrip(": ")

    @property
    def line(self) -> str:
        """The same with the file that was written, or the scene and its state."""
        if self.state == "done":
            return f"{self.out}: {self.text}"
        return f"{self.scene}: {self.text}" if self.state == "outside" else f"{self.scene}: {self.state}: {self.text}"


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """The landslides of all scenes, in numbers.

    Attributes:
        out: The merged inventory; None if no scene is done, or only a share of them was to be done.
        scenes: What became of each.
        done: Scenes that are done, those of earlier runs included.
        outside: Scenes that the area of interest doesn't meet.
        failed: Scenes that failed.
        landslides: Polygons of the merged inventory; 0 if there is none.
        area_m2: Their area together; None without a CRS.
        analysed_m2: Area that the network has looked at, scene by scene; None without a CRS.
        overlapping: Landslides that overlap one of another scene, so that they count more than once.
        overlap_m2: Area that counts more than once for that; None without a CRS.
        crs: Of the merged inventory.
        left_out: Scenes without a CRS that the merged inventory can't place.
    """

    out: str | None
    scenes: tuple[SceneResult, ...]
    done: int
    outside: int
    failed: int
    landslides: int = 0
    area_m2: float | None = None
    analysed_m2: float | None = None
    overlapping: int = 0
    overlap_m2: float | None = None
    crs: str | None = None
    left_out: tuple[str, ...] = ()


def result_of(ledger: Ledger, name: str, scene: str, record: Record) -> SceneResult:
    """The outcome of a scene as its record tells it.

    Args:
        ledger: Where the record lies.
        name: What the scene's outputs are called.
        scene: Where the scene lies.
        record: What became of it.
    """
    found, reason = record.found or {}, " ".join(record.reason.split())
    if record.trace:
        reason += f"; this was not foreseen, please report it with {ledger.path(name)}"
    out = str(ledger.folder.parent / f"{name}.gpkg") if record.found else None
    return SceneResult(shown(scene), out, record.state, found.get("landslides"), found.get("area_m2"), reason)


def summary_of(batch: Batch, records: dict[str, Record], merged: Record | None) -> BatchSummary:
    """What became of the scenes of a batch, and of the merged inventory, if there is one."""
    results = tuple(result_of(batch.ledger, task.name, task.scene, records[task.name]) for task in batch.tasks)
    states = Counter(result.state for result in results)
    counts: dict[str, Any] = {name: states[name] for name in ("done", "outside", "failed")}
    if merged is None or merged.found is None:
        return BatchSummary(None, results, **counts)
    found = dict(merged.found)
    for name in ("area_m2", "analysed_m2", "overlap_m2"):
        found[name] = nan_as_none(found[name])
    found["left_out"] = tuple(found["left_out"])
    return BatchSummary(str(Path(batch.folder, f"{MERGED}.gpkg")), results, **counts, **found)
