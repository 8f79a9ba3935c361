"""A predicted inventory judged against a reference inventory, strip by strip on the pixels of their scene."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from landslide_cli.errors import EvaluationError, NoReferenceWarning
from landslide_cli.evaluation.painter import Painter, landslide_layer, layer_names, read_polygons
from landslide_cli.evaluation.summary import Evaluation, Judged
from landslide_cli.metrics.boundary import BoundaryCounts, margin
from landslide_cli.metrics.objects import Overlaps
from landslide_cli.metrics.scores import Histogram, Scores
from landslide_cli.mosaic.encoding import NODATA
from landslide_cli.mosaic.reading import Mosaic, open_mosaic
from landslide_cli.scene.scene import Scene, name_of, open_scene
from landslide_cli.typing import Bools, Bytes, Int32, OnProgress

log = logging.getLogger(__name__)

STRIP_PIXELS = 4_000_000  # distances take about twenty bytes for each
LEAST_ROWS = 64


@dataclass(frozen=True)
class Comparison:
    """A scene with all that is laid over it.

    Attributes:
        scene: The open scene; its pixels say where there is data, if ``analysed`` doesn't.
        found: The predicted landslides.
        true: The landslides of the reference.
        analysed: What was looked at; None for every valid pixel of the scene.
        probability: The open probability raster on the scene's grid, if there is one.
    """

    scene: Scene
    found: Painter
    true: Painter
    analysed: Painter | None
    probability: Mosaic | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Full-width rows of everything: ``core`` are those that count, the others are their surroundings.

    ``found`` and ``true`` number the landslides from 1 on; ``stored`` is None without a probability raster.
    """

    core: slice
    found: Int32
    true: Int32
    valid: Bools
    stored: Bytes | None


def evaluate_inventory(
    inventory: str | Path,
    *,
    reference: str | Path,
    scene: str | Path,
    probability: str | Path | None = None,
    tolerance: float = 3.0,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Compare a predicted inventory with a reference on their scene.

    Only what was analysed counts: the inventory's layer ``analysed``, else the valid pixels of the scene.
    Memory depends on the scene's width and the number of polygons, not on its height.

    Args:
        inventory: The predicted landslides, in any vector format and CRS.
        reference: The true ones, in any vector format and CRS.
        scene: The raster that both belong to.
        probability: What `detect --probability` wrote for it, for curves and calibration.
        tolerance: Pixels that an outline may lie off.
        on_progress: Called after each strip with the pixels done and in all.

    Raises:
        LandslideError: with a message that says what to do.
    """
    inventory, reference = Path(inventory), Path(reference)
    with ExitStack() as stack:
        opened = stack.enter_context(open_scene(scene, wanted=("any",)))

        def painter(path: Path, layer: str) -> Painter:
            polygons = read_polygons(path, layer, transform=opened.transform, crs=opened.crs)
            return Painter(polygons, width=opened.width)

        comparison = Comparison(
            opened,
            painter(inventory, landslide_layer(inventory)),
            painter(reference, landslide_layer(reference)),
            painter(inventory, "analysed") if "analysed" in layer_names(inventory) else None,
            stack.enter_context(open_probability(probability, opened)) if probability else None,
        )
        if comparison.analysed is None:
            log.info("%s has no layer analysed: every valid pixel of %s counts", inventory, opened.name)
        judged = compare(comparison, tolerance=tolerance, on_progress=on_progress)
    if judged.scores.pixels == 0:
        raise EvaluationError(
            f"nothing of {opened.name} was analysed by {inventory}; check that they belong together and their CRS"
        )
    if judged.scores.true == 0:
        warnings.warn(
            f"no polygon of {reference} lies in what was analysed of {opened.name}: only false alarms can be judged; "
            "if there should be some, check that they belong together and their CRS",
            NoReferenceWarning,
            stacklevel=2,
        )
    settings = {"inventory": str(inventory), "reference": str(reference), "scene": name_of(scene)}
    return Evaluation(f"{inventory} against {reference}", settings, None, tolerance, (judged,))


@contextmanager
def open_probability(path: str | Path, scene: Scene) -> Iterator[Mosaic]:
    """Open a probability raster of a scene.

    Raises:
        ProbabilityError: it can't be read, or isn't such a raster.
        EvaluationError: it has another grid.
    """
    with open_mosaic(path) as mosaic:
        if reason := mosaic.misfit(scene):
            raise EvaluationError(f"{path} {reason}; give the raster that detect --probability wrote for this scene")
        yield mosaic


def compare(
    comparison: Comparison,
    *,
    tolerance: float,
    rows: int | None = None,
    on_progress: OnProgress | None = None,
) -> Judged:
    """Count everything strip by strip; how many ``rows`` a strip has changes nothing in the result."""
    scene = comparison.scene
    pixels, outlines, histograms, overlaps = [], [], [], Overlaps()
    rows = rows or max(LEAST_ROWS, STRIP_PIXELS // scene.width)
    done = 0
    for part in parts(comparison, rows=rows, beside=margin(tolerance)):
        found, true = part.found > 0, part.true > 0
        outlines.append(BoundaryCounts.of(found, true, part.valid, tolerance=tolerance, rows=part.core))
        core = part.core
        valid = part.valid[core]
        pixels.append(Scores.of(found[core], true[core], valid))
        overlaps.add(np.where(valid, part.found[core], 0), np.where(valid, part.true[core], 0))
        if part.stored is not None:
            histograms.append(Histogram.of(np.where(valid, part.stored[core], NODATA).astype(np.uint8), true[core]))
        done += valid.size
        if on_progress:
            on_progress(done, scene.height * scene.width)
    return Judged(
        scene.name,
        "",
        "",
        Scores.total(pixels),
        overlaps.counts(),
        BoundaryCounts.total(outlines),
        Histogram.total(histograms) if comparison.probability is not None else None,
    )


def parts(comparison: Comparison, *, rows: int, beside: int) -> Iterator[Part]:
    """Cut the scene into strips that show ``beside`` more rows above and below, where the scene has them."""
    scene = comparison.scene
    for top in range(0, scene.height, rows):
        first, last = max(0, top - beside), min(scene.height, top + rows + beside)
        window = Window(0, first, scene.width, last - first)
        if comparison.analysed is not None:
            valid = comparison.analysed.rows(first, last) > 0
        else:
            valid = scene.data.anywhere(window)
        stored = None
        if comparison.probability is not None:
            stored = comparison.probability.rows(first, last)
            valid &= stored != NODATA
        core = slice(top - first, min(top + rows, scene.height) - first)
        yield Part(core, comparison.found.rows(first, last), comparison.true.rows(first, last), valid, stored)
