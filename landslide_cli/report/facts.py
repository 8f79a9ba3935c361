"""What the page says in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import shapely
from affine import Affine
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from landslide_cli.errors import ModelError
from landslide_cli.inventory.confidence import CONFIDENCES
from landslide_cli.inventory.read import Inventory
from landslide_cli.model.weights import find_model
from landslide_cli.report.frame import PROBES
from landslide_cli.scene.ground import Ground
from landslide_cli.scene.scene import Scene
from landslide_cli.typing import Float64

Fact = tuple[str, str]

LABELS = {
    "scene": "Scene", "model": "Model", "weights_sha256": "Checksum of the weights (SHA-256)", "threshold": "Threshold",
    "min_area_m2": "Smallest area, m²", "confidence": "Classes of confidence",
    "resolution_m": "Metres per pixel that the network saw", "bands": "Bands", "stretch": "Stretch (raw values)",
    "window": "Window, pixels", "overlap": "Overlap, pixels", "tta": "Views (test-time augmentation)",
    "precision": "Precision", "device": "Device", "dem": "Elevation model", "min_slope_deg": "Smallest mean slope, °",
    "before": "Image of before", "shift_m": "Tolerated shift between the images, m",
    "new_share": "Part that was below the threshold before, from which a landslide is new",
    "only_new": "Only new landslides were kept",
    "crs": "Coordinate reference system", "width": "Columns", "height": "Rows", "started": "Started", "ended": "Ended",
    "version": "Version of landslide", "command": "Command",
}  # fmt: skip


@dataclass(frozen=True)
class Coverage:
    """How much of the scene was looked at.

    Attributes:
        scene_m2: Area of the scene; None if unknown.
        analysed_m2: Area of what was analysed; None if unknown.
        analysed_share: The same as a part of the scene's pixels; None if the inventory doesn't tell.
        valid_share: Part of the scene that isn't nodata.
    """

    scene_m2: float | None
    analysed_m2: float | None
    analysed_share: float | None
    valid_share: float


def coverage(scene: Scene, inventory: Inventory, valid_share: float) -> Coverage:
    """Measure what was looked at."""
    ground = scene.ground
    box = shapely.segmentize(shapely.box(0, 0, scene.width, scene.height), max(scene.width, scene.height) / PROBES)
    scene_m2 = _total(ground.measure(ground.place(np.array([box], dtype=object)))[0])
    analysed = inventory.analysed
    if analysed is None:
        return Coverage(scene_m2, None, None, valid_share)
    if analysed.crs is not None and scene.crs is not None:
        analysed = analysed.to_crs(scene.crs.to_wkt())
    pixels = float(shapely.area(analysed.geometry.to_numpy()).sum()) / abs(scene.transform.determinant)
    share = min(1.0, pixels / (scene.width * scene.height))
    return Coverage(scene_m2, _total(areas_of(analysed)), share, valid_share)


def numbers(frame: geopandas.GeoDataFrame, name: str) -> Float64 | None:
    """A column as numbers, shape ``(n,)``, NaN for null; None if there is none or it holds text, as others' may."""
    if name not in frame or not (is_numeric_dtype(frame[name]) or is_bool_dtype(frame[name])):
        return None
    column: Float64 = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return column


def areas_of(frame: geopandas.GeoDataFrame) -> Float64:
    """Areas in m², shape ``(n,)``, as the inventory tells them, else on the ellipsoid; NaN where unknown."""
    told = numbers(frame, "area_m2")
    if told is not None:
        return told
    return Ground(Affine.identity(), frame.crs).measure(frame.geometry.to_numpy())[0]


def totals(areas: Float64, cut: int, covered: Coverage) -> list[Fact]:
    """The numbers at the top of the page; ``areas`` in m², shape ``(n,)``."""
    found: list[Fact] = [("Landslides", f"{len(areas):,}")]
    total = _total(areas)
    if total is not None and len(areas):
        found.append(("Area together", hectares(total)))
        if covered.analysed_m2:
            found.append(("Of the analysed area", f"{total / covered.analysed_m2:.2%}"))
        found.append(("Median area", f"{np.median(areas):,.0f} m²"))
        found.append(("Largest", hectares(float(areas.max()))))
    found.append(("Cut by the border", f"{cut:,}"))
    return found


def novelty(frame: geopandas.GeoDataFrame) -> list[Fact]:
    """How many are new, where an image of before told."""
    told = numbers(frame, "new")
    if told is None:
        return []
    counts = (("New", told == 1), ("There before", told == 0), ("On ground not seen before", np.isnan(told)))
    return [(label, f"{np.count_nonzero(which):,}") for label, which in counts if label == "New" or which.any()]


def not_analysed(covered: Coverage) -> list[str]:
    """Sentences on what nobody looked at."""
    nodata = 1 - covered.valid_share
    blank = "Every pixel of the scene holds data." if nodata < 5e-4 else f"About {nodata:.1%} of the scene is nodata."
    share = covered.analysed_share
    if share is None:
        return [
            blank,
            "The inventory doesn't tell what was analysed: a place without polygon may never have been looked at.",
        ]
    size = ""
    if covered.analysed_m2 is not None and covered.scene_m2 is not None:
        size = f", {hectares(covered.analysed_m2)} of {hectares(covered.scene_m2)}"
    lines = [f"{share:.1%} of the scene was analysed{size}. {blank}"]
    if share < covered.valid_share - 0.005:
        lines.append(
            f"{covered.valid_share - share:.1%} of the scene holds data but was not looked at: "
            "it lay outside the area asked for."
        )
    lines.append("Where nothing was analysed (hatched on the map), the absence of polygons means nothing.")
    return lines


def provenance(inventory: Inventory) -> list[Fact]:
    """How the inventory was made, in the order of `LABELS`; what has no label comes last under its own name."""
    run = dict(inventory.run)
    if "confidence" in run:
        run["confidence"] = "; ".join(f"{name}: {inventory.confidence.says(name)}" for name in CONFIDENCES)
    named = [(label, run[name]) for name, label in LABELS.items() if run.get(name)]
    others = [(name, text) for name, text in sorted(run.items()) if name not in LABELS and text]
    more = [("Runs in this inventory", f"{inventory.runs}; this is the one of the scene")] if inventory.runs > 1 else []
    return named + others + more


def known_failures(run: dict[str, str]) -> tuple[str, Sequence[str]]:
    """The model's known failures: a sentence, and the list in its card."""
    model = run.get("model")
    if not model or model == "unknown":
        return "The inventory doesn't tell which model found these landslides.", ()
    try:
        _, card = find_model(model)
    except ModelError:
        return f"The model {model} isn't installed where this page was made, so its known failures can't be listed.", ()
    if run.get("weights_sha256", card.sha256) != card.sha256:
        return (
            f"The installed model {model} has other weights than this run had; of those it is known:",
            card.known_failures,
        )
    return f"Of the model {model} it is known:", card.known_failures


def hectares(area_m2: float) -> str:
    """An area as a person reads it."""
    if area_m2 < 1000:
        return f"{area_m2:,.0f} m²"
    return f"{area_m2 / 1e4:,.2f} ha" if area_m2 < 1e7 else f"{area_m2 / 1e6:,.1f} km²"


def _total(areas: Float64) -> float | None:
    total = float(np.sum(areas))
    return total if np.isfinite(total) else None
