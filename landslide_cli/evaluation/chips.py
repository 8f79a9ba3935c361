"""A model judged on chips: folders of images with masks, or of images without landslide."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pyproj
from pyproj.exceptions import ProjError
from rasterio.errors import RasterioError

from landslide_cli.errors import EvaluationError, counted
from landslide_cli.evaluation.judging import answer
from landslide_cli.evaluation.summary import Evaluation, Judged, judge_image
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.ground import ground_resolution
from landslide_cli.scene.opening import opened
from landslide_cli.typing import OnProgress

if TYPE_CHECKING:
    from landslide_cli.chips.chip import Chip
    from landslide_cli.engine import Engine

log = logging.getLogger(__name__)

TIFFS = {".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class Viewed:
    """A chip, the folder that it was found by, and the network's pixels per pixel of it."""

    chip: Chip
    source: str
    zoom: float


def evaluate_chips(
    folders: Sequence[str | Path],
    *,
    runtime: Runtime = Runtime(),
    threshold: float | None = None,
    groups: Sequence[str] = (),
    pixel_size: Sequence[float] = (),
    resolution_m: float | None = None,
    tolerance: float = 3.0,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Predict every chip as `detect` would and compare it with its mask.

    Args:
        folders: As `landslide_cli.chips.chip.find_chips` reads them.
        runtime: Which model runs, and how; overlap and batch size say nothing of chips.
        threshold: Probability from which a pixel counts as landslide; the card's by default.
        groups: Only chips whose group matches one of these patterns (as in a shell); all by default.
        pixel_size: Metres per pixel of the chips: one for all folders, or one for each. By default what
            a GeoTIFF chip says itself, else what the card says of the folder if it was trained on it.
        resolution_m: Metres per pixel at which the network sees them; by default the chips' own within the
            trained range.
        tolerance: Pixels that an outline may lie off.
        on_progress: Called after each chip with the pixels done and in all.

    Raises:
        LandslideError: with a message that says what to do.
    """
    from landslide_cli.engine.views import in_views
    from landslide_cli.prediction.image import WINDOW

    weights, card = find_model(runtime.model)
    views = plan_views(
        [Path(folder) for folder in folders], card, groups=groups, pixel_size=pixel_size, resolution=resolution_m
    )
    several = in_views(replace(runtime, batch_size=1).choose(weights, card).open(), runtime.tta or card.tta)
    several.prepare(WINDOW, 1)
    threshold = card.threshold if threshold is None else threshold
    zooms = [f"{zoom:g}" for zoom in sorted({round(view.zoom, 4) for view in views})]
    zoom = zooms[0] if len(zooms) == 1 else f"{zooms[0]} to {zooms[-1]}"
    log.info("%s by %s on %s, %s", card.model_id, several.name, several.device, several.precision)
    log.info("chips: %d, seen at %s times their size", len(views), zoom)
    judged = judge_views(
        several, views, value_range=card.value_range, threshold=threshold, tolerance=tolerance, on_progress=on_progress
    )
    settings = {
        "model": card.model_id,
        "weights_sha256": card.sha256,
        "engine": several.name,
        "network_precision": several.precision,
        "zoom": zoom,
        "tta": runtime.tta or card.tta,
    }
    return Evaluation(f"{card.model_id} at threshold {threshold:g}", settings, threshold, tolerance, tuple(judged))


def plan_views(
    folders: Sequence[Path],
    card: ModelCard,
    *,
    groups: Sequence[str] = (),
    pixel_size: Sequence[float] = (),
    resolution: float | None = None,
) -> list[Viewed]:
    """Find the chips and decide how large the network sees each; see `evaluate_chips`.

    Raises:
        TrainingDataError: a folder can't be used.
        EvaluationError: no chip is of the groups, or the metres per pixel of a chip aren't known.
    """
    from landslide_cli.chips.chip import find_chips

    if len(pixel_size) not in (0, 1, len(folders)):
        raise EvaluationError(
            f"--pixel-size is given {counted(len(pixel_size), 'time')} for {counted(len(folders), 'folder')}; "
            "give it once for all, or once for each folder in their order"
        )
    sizes = [*pixel_size, *[pixel_size[0] if pixel_size else None] * (len(folders) - len(pixel_size))]
    views = []
    seen: set[str] = set()
    for folder, metres in zip(folders, sizes, strict=True):
        for chip in find_chips(folder):
            seen.add(chip.group)
            if not groups or any(fnmatch(chip.group, pattern) for pattern in groups):
                if side := card.training.get("letterbox"):
                    # Weights of the paper's protocol are judged on what they were trained on.
                    views.append(Viewed(replace(chip, letterbox=side), str(folder), 1.0))
                    continue
                zoom = choose_zoom(chip.image, folder, card, metres=metres, resolution=resolution)
                views.append(Viewed(chip, str(folder), zoom))
    if not views:
        some = sorted(seen)
        more = f" and {len(some) - 10} more" if len(some) > 10 else ""
        raise EvaluationError(
            f"no chip is of a group {' or '.join(groups)}; the folders hold {', '.join(some[:10])}{more}"
        )
    return views


def choose_zoom(image: Path, folder: Path, card: ModelCard, *, metres: float | None, resolution: float | None) -> float:
    """Pixels of the network per pixel of a chip, so that it sees a resolution that it was trained for.

    Raises:
        EvaluationError: nobody says how many metres a pixel of the chip is.
    """
    metres = metres or georeferenced_metres(image)
    if metres is None:
        source = card_source(folder, card)
        if source is not None and resolution is None:
            return float(card.training["working_zoom"]) * float(source["zoom"])
        raise EvaluationError(
            f"{folder}: it isn't known how many metres a pixel of {image.name} is, so the network can't see it at the "
            f"{card.resolution_m[0]:g} to {card.resolution_m[1]:g} m that {card.model_id} was trained for; "
            "give --pixel-size METRES"
        )
    low, high = card.resolution_m
    return metres / (resolution or min(max(metres, low), high))


def card_source(folder: Path, card: ModelCard) -> dict[str, str | float] | None:
    """The source in the card that a folder is: the one whose path ends like it."""
    parts = folder.resolve().parts
    for source in card.training.get("sources", ()):
        path = Path(str(source.get("path", ""))).parts
        if path and parts[-len(path) :] == path and "zoom" in source and "working_zoom" in card.training:
            return dict(source)
    return None


def georeferenced_metres(image: Path) -> float | None:
    """Metres per pixel of a GeoTIFF chip; None for other files and without a CRS."""
    if image.suffix.lower() not in TIFFS:
        return None
    try:
        with opened(image) as src:
            if src.crs is None:
                return None
            crs = pyproj.CRS.from_user_input(src.crs)
            ground = ground_resolution(crs, src.transform, src.height, src.width)
    except (RasterioError, ProjError):
        return None  # Pillow reads it, or says why not
    return float((ground[0] * ground[1]) ** 0.5) if ground else None


def judge_views(
    engine: Engine,
    views: Sequence[Viewed],
    *,
    value_range: tuple[float, float],
    threshold: float,
    tolerance: float,
    on_progress: OnProgress | None = None,
) -> Iterator[Judged]:
    """Predict and judge chip by chip; only one is in memory."""
    sizes = [height * width for height, width in (view.chip.size() for view in views)]
    done, total = 0, sum(sizes)
    for view, size in zip(views, sizes, strict=True):
        stored, truth = answer(engine, view.chip, value_range, view.zoom)
        yield judge_image(
            view.chip.image.stem, view.source, view.chip.group, stored, truth, threshold=threshold, tolerance=tolerance
        )
        done += size
        if on_progress:
            on_progress(done, total)
