"""What the page says in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import shapely
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from landslide_cli.errors import ModelError
from landslide_cli.inventory.confidence import CONFIDENCES
from landslide_cli.inventory.read import Inventory
from landslide_cli.inventory.review import NOT_LANDSLIDE, STATUSES, UNREVIEWED, known_status
from landslide_cli.model.weights import find_model
from landslide_cli.report.sight import Coverage
from landslide_cli.scene.placing import ground_in
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
# In what scenes of one inventory should not differ.
SETTINGS = (
    "version", "model", "weights_sha256", "threshold", "min_area_m2", "resolution_m", "bands", "tta", "precision",
    "dem", "min_slope_deg", "before",
)  # fmt: skip


def numbers(frame: geopandas.GeoDataFrame, name: str) -> Float64 | None:
    """A column as numbers, shape ``(n,)``, NaN for null; None if there is none or it holds text, as others' may."""
    if name not in frame or not (is_numeric_dtype(frame[name]) or is_bool_dtype(frame[name])):
        return None
    column: Float64 = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return column


def areas_of(frame: geopandas.GeoDataFrame) -> Float64:
    """Areas in m², shape ``(n,)``: as the inventory tells them, else on the ellipsoid; NaN where neither is known."""
    told = numbers(frame, "area_m2")
    if told is not None and np.isfinite(told).all():
        return told
    measured = ground_in(frame.crs).measure(frame.geometry.to_numpy())[0]
    return measured if told is None else np.where(np.isfinite(told), told, measured)


def status_of(frame: geopandas.GeoDataFrame) -> list[str]:
    """What a person has said of each landslide; what isn't one of our words counts as nothing said."""
    if "status" not in frame:
        return [UNREVIEWED] * len(frame)
    told = [known_status(text) if isinstance(text, str) else UNREVIEWED for text in frame["status"]]
    return [status if status in STATUSES else UNREVIEWED for status in told]


@dataclass(frozen=True)
class Counted:
    """The landslides that count, in numbers: not those that a person rejected, and none twice.

    Attributes:
        landslides: Number of them.
        rejected: Of those that a person rejected.
        doubles: Of further records of landslides that another one stands for.
        areas: Their areas in m² as far as they are known, shape ``(n,)``.
        unknown: Number of those whose area isn't known.
        area_m2: Their area together, ground that several cover counted once; None if none is known.
        inside: Part of that area that lies on the scene.
    """

    landslides: int
    rejected: int
    doubles: int
    areas: Float64
    unknown: int
    area_m2: float | None
    inside: float


def count(frame: geopandas.GeoDataFrame, areas: Float64, inside: Float64) -> Counted:
    """Count landslides.

    Args:
        frame: The landslides.
        areas: Their areas in m², NaN where unknown, shape ``(n,)``.
        inside: Part of each that lies on the scene, shape ``(n,)``.
    """
    rejected = np.array([status == NOT_LANDSLIDE for status in status_of(frame)], dtype=bool)
    same = numbers(frame, "same_as")
    doubles = np.zeros(len(frame), dtype=bool) if same is None else np.isfinite(same) & ~rejected
    counts = ~rejected & ~doubles
    known = counts & np.isfinite(areas)
    overlaps = numbers(frame, "overlaps")
    shared = np.zeros(len(frame), dtype=bool) if overlaps is None else known & (overlaps > 0)
    together = float(areas[known & ~shared].sum())
    if shared.any():
        union = shapely.get_parts(shapely.union_all(shapely.make_valid(frame.geometry.to_numpy()[shared])))
        union = union[shapely.get_type_id(union) == shapely.GeometryType.POLYGON]
        together += float(ground_in(frame.crs).measure(union)[0].sum())
    return Counted(
        landslides=int(counts.sum()),
        rejected=int(rejected.sum()),
        doubles=int(doubles.sum()),
        areas=areas[known],
        unknown=int((counts & ~known).sum()),
        area_m2=together if known.any() and np.isfinite(together) else None,
        inside=float(np.average(inside[known], weights=areas[known])) if areas[known].any() else 1.0,
    )


def totals(counted: Counted, cut: int, covered: Coverage) -> list[Fact]:
    """The numbers at the top of the page."""
    found: list[Fact] = [("Landslides", f"{counted.landslides:,}")]
    if counted.area_m2 is not None:
        found.append(("Area together", hectares(counted.area_m2)))
        if counted.unknown:
            found.append(("Without a known area", f"{counted.unknown:,}"))
        if covered.analysed_m2:
            found.append(("Of the analysed area", f"{counted.area_m2 * counted.inside / covered.analysed_m2:.2%}"))
        found.append(("Median area", f"{np.median(counted.areas):,.0f} m²"))
        found.append(("Largest", hectares(float(counted.areas.max()))))
    found.append(("Cut by the border", f"{cut:,}"))
    if counted.rejected:
        found.append(("Rejected by review", f"{counted.rejected:,}"))
    if counted.doubles:
        found.append(("Further records of them", f"{counted.doubles:,}"))
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
        large = max(covered.analysed_m2, covered.scene_m2)
        size = f", {hectares(covered.analysed_m2, large)} of {hectares(covered.scene_m2, large)}"
    lines = [f"{share:.1%} of the scene was analysed{size}. {blank}"]
    if covered.by_scene:
        each = listed([f"{name} ({part:.1%})" for name, part in covered.by_scene.items()])
        lines.append(f"Scenes of the inventory that looked here, with the part of this scene that each covers: {each}.")
    if share < covered.valid_share - 0.005:
        where = "what was merged" if covered.by_scene else "the area asked for"
        lines.append(
            f"The inventory holds only a part of this scene: {covered.valid_share - share:.1%} of it holds data but "
            f"was not looked at, since it lay outside {where}."
        )
    lines.append("Where nothing was analysed (hatched on the map), the absence of polygons means nothing.")
    return lines


def provenance(inventory: Inventory) -> list[Fact]:
    """How the inventory was made, in the order of `LABELS`; what has no label comes last under its own name.

    Of a merged inventory it is the run of the scene, and what other scenes differ in; or, where the scene is none of
    them, what all of them tell.
    """
    run, scenes = dict(inventory.run), inventory.scenes
    if len(inventory.runs) > 1 and "scene" not in run:
        names = dict.fromkeys(name for one in inventory.runs for name in one if name != "scene")
        run |= {name: _of_all(name, inventory.runs, same=True) for name in names}
    if "confidence" in run:
        run["confidence"] = "; ".join(f"{name}: {inventory.confidence.says(name)}" for name in CONFIDENCES)
    head = [(f"Scenes of the inventory ({len(scenes):,})", listed(scenes, 50))] if len(scenes) > 1 else []
    named = [(label, run[name]) for name, label in LABELS.items() if run.get(name)]
    others = [(name, text) for name, text in sorted(run.items()) if name not in LABELS and text]
    return head + named + _differences(inventory) + others


def _differences(inventory: Inventory) -> list[Fact]:
    """What other scenes were done with, where it isn't what the scene of the page was done with."""
    if len(inventory.runs) < 2 or "scene" not in inventory.run:
        return []
    told = [
        f"{LABELS[name]}: {_of_all(name, others, same=False)}"
        for name in SETTINGS
        if (others := [run for run in inventory.runs if run.get(name) != inventory.run.get(name)])
    ]
    return [("Other in other scenes", "; ".join(told))] if told else []


def _of_all(name: str, runs: Sequence[dict[str, str]], *, same: bool) -> str:
    """What runs tell of something, each text once with its scenes; without them, if all runs tell the ``same``."""
    told: dict[str, list[str]] = {}
    for run in runs:
        told.setdefault(run.get(name, "none"), []).append(run.get("scene", "?"))
    if same and len(told) == 1:
        return next(iter(told))
    return listed([f"{text} ({listed(scenes, 2)})" for text, scenes in told.items()], 4, "; ")


def listed(texts: Sequence[str], most: int = 6, mark: str = ", ") -> str:
    """Texts in a row; of many the first, and how many more there are."""
    more = len(texts) - most
    return mark.join(texts) if more <= 0 else mark.join(texts[:most]) + f"{mark}and {more:,} more"


def known_failures(inventory: Inventory) -> list[tuple[str, Sequence[str]]]:
    """The known failures of each model: a sentence, and the list in its card."""
    runs = inventory.runs or [inventory.run]
    models = {(run.get("model"), run.get("weights_sha256")): {**inventory.run, **run} for run in runs}
    return [_failures(run) for run in models.values()]


def _failures(run: dict[str, str]) -> tuple[str, Sequence[str]]:
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


def hectares(area_m2: float, large: float | None = None) -> str:
    """An area as a person reads it.

    Args:
        area_m2: The area.
        large: One that it is compared with; both are told in the unit of this one.
    """
    size = area_m2 if large is None else large
    if size < 1000:
        return f"{area_m2:,.0f} m²"
    return f"{area_m2 / 1e4:,.2f} ha" if size < 1e7 else f"{area_m2 / 1e6:,.1f} km²"
