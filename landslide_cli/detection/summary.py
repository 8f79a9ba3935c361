"""What a run found, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landslide_cli.inventory.collector import Collector
from landslide_cli.inventory.writer import InventoryWriter


@dataclass(frozen=True, slots=True)
class Summary:
    """The landslides that `landslide_cli.detect` or `landslide_cli.polygonize` found, in numbers."""

    scene: str
    """The scene; where a raster was polygonized, what its run called it."""
    out: str
    """The inventory."""
    probability: str | None
    """Probability raster that was written, or polygonized."""
    model: str
    """Model id; ``unknown`` where a raster that was polygonized doesn't tell."""
    threshold: float
    """Probability from which a pixel counted as landslide."""
    landslides: int
    """Number of polygons."""
    flat: int | None
    """Polygons that were dropped because the ground is too flat; None without an elevation model."""
    new: int | None
    """Landslides that are new; None without an image of before, as for the next two."""
    old: int | None
    """Landslides that were there before; dropped, and not among ``landslides``, where only new ones were asked for."""
    unseen: int | None
    """Landslides of which nobody knows, for their ground was hardly seen before."""
    area_m2: float | None
    """Their area together; None without a CRS."""
    analysed_m2: float | None
    """Area that the network has looked at; None without a CRS."""
    analysed_share: float
    """The same as a part of the scene's pixels."""
    bounds: tuple[float, float, float, float] | None
    """West, south, east, north of the landslides in degrees, west larger than east across the antimeridian (RFC 7946,
    section 5.2); None if there are none or no CRS."""
    windows: int | None
    """Windows that the network was asked about; None where a raster was polygonized."""
    engine: str | None
    """Engine of the network: torch or openvino; None, as for the other three, where a raster doesn't tell."""
    device: str | None
    """Where the network ran."""
    precision: str | None
    """Type that its convolutions ran in."""
    tta: str | None
    """Views that it was asked about: none, flips or d4."""


def summary_of(
    collector: Collector, *, scene: str, out: str, probability: str | None, windows: int | None = None
) -> Summary:
    """Sum up an inventory that is closed; see `Summary` for the arguments."""
    inventory = collector.inventory
    tags, job, measurer = inventory.provenance, inventory.job, inventory.measurer
    threshold = measurer.rules.threshold
    assert threshold is not None
    return Summary(
        scene=scene,
        out=out,
        probability=probability,
        model=tags.get("LANDSLIDE_MODEL", "unknown"),
        threshold=threshold,
        landslides=inventory.count,
        flat=inventory.flat if measurer.terrain else None,
        **_novelty(inventory),
        area_m2=nan_as_none(inventory.area_m2) if job.crs else None,
        analysed_m2=nan_as_none(inventory.analysed_m2),
        analysed_share=collector.analysed_px / (job.height * job.width),
        bounds=inventory.bounds,
        windows=windows,
        engine=tags.get("LANDSLIDE_ENGINE"),
        device=tags.get("LANDSLIDE_DEVICE"),
        precision=tags.get("LANDSLIDE_PRECISION"),
        tta=tags.get("LANDSLIDE_TTA"),
    )


def _novelty(inventory: InventoryWriter) -> dict[str, int | None]:
    if inventory.measurer.rules.before is None:
        return dict.fromkeys(("new", "old", "unseen"))
    return {"new": inventory.new, "old": inventory.old, "unseen": inventory.unseen}


def nan_as_none(value: float) -> float | None:
    """NaN as None, which JSON can say."""
    return None if math.isnan(value) else value
