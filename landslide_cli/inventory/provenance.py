"""What a GeoPackage tells of its run: the one row of the layer ``runs``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from rasterio.crs import CRS

from landslide_cli.inventory.attributes import Columns

# Column and the tag that it repeats, in the order of the table.
FROM_TAGS = {
    "version": "LANDSLIDE_VERSION", "model": "LANDSLIDE_MODEL", "weights_sha256": "LANDSLIDE_WEIGHTS_SHA256",
    "threshold": "LANDSLIDE_THRESHOLD", "min_area_m2": "LANDSLIDE_MIN_AREA_M2",
    "window": "LANDSLIDE_WINDOW", "overlap": "LANDSLIDE_OVERLAP",
    "stretch": "LANDSLIDE_STRETCH", "bands": "LANDSLIDE_BANDS", "resolution_m": "LANDSLIDE_RESOLUTION_M",
    "engine": "LANDSLIDE_ENGINE", "precision": "LANDSLIDE_PRECISION", "device": "LANDSLIDE_DEVICE",
    "tta": "LANDSLIDE_TTA",
    "confidence": "LANDSLIDE_CONFIDENCE",
    "dem": "LANDSLIDE_DEM", "min_slope_deg": "LANDSLIDE_MIN_SLOPE_DEG",
    "before": "LANDSLIDE_BEFORE", "shift_m": "LANDSLIDE_SHIFT_M", "new_share": "LANDSLIDE_NEW_SHARE",
    "only_new": "LANDSLIDE_ONLY_NEW",
}  # fmt: skip
NUMBERS = ("threshold", "min_area_m2", "resolution_m", "min_slope_deg", "shift_m", "new_share")


@dataclass(frozen=True, slots=True)
class Job:
    """A run: what was asked for, where and when.

    Attributes:
        scene: Name of the scene.
        width: Its columns.
        height: Its rows.
        crs: Its coordinate reference system, or None.
        started: Begin, with its time zone.
        command: Command line, or None where Python asked.
        config: Settings as TOML, which repeat the run.
    """

    scene: str
    width: int
    height: int
    crs: CRS | None
    started: datetime
    command: str | None = None
    config: str | None = None


def run_row(job: Job, tags: Mapping[str, str], ended: datetime) -> Columns:
    """The row, as columns of shape ``(1,)``, with null for what isn't known.

    Args:
        job: What was asked for.
        tags: Provenance as the outputs carry it.
        ended: End, with its time zone.
    """
    told = {name: tags.get(tag) for name, tag in FROM_TAGS.items()}
    row: dict[str, object] = {
        "version": told.pop("version"),
        "command": job.command,
        "config": job.config,
        "scene": job.scene,
        "crs": job.crs.to_string() if job.crs else None,
    }
    columns = {name: np.array([value], object) for name, value in row.items()}
    columns |= {"width": np.array([job.width], np.int64), "height": np.array([job.height], np.int64)}
    for name, text in told.items():
        columns[name] = np.array([as_number(text)]) if name in NUMBERS else np.array([text], object)
    for name, time in (("started", job.started), ("ended", ended)):
        columns[name] = np.array([time.astimezone(UTC).replace(tzinfo=None)], "datetime64[ms]")
    return columns


def as_number(text: str | None) -> float:
    """A number of a raster's tags, which anybody may have changed; NaN of what is none."""
    try:
        return float(text or "")
    except ValueError:
        return math.nan
