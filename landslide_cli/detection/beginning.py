"""All that is opened, decided and refused for a scene before its first window is predicted, outputs included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from landslide_cli.detection.before import Before, prepare_before
from landslide_cli.detection.config import config_text
from landslide_cli.detection.outputs import Outputs, refuse_lonely_spread
from landslide_cli.detection.prepare import Prepared, prepare
from landslide_cli.errors import OptionError
from landslide_cli.files import FileSet
from landslide_cli.inventory.attributes import Measurer, open_measurer
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.weights import files_of_model
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.scene import Raster, name_of
from landslide_cli.scene.view import View


@dataclass(frozen=True, slots=True)
class Begun:
    """A scene that can be predicted and joined.

    Attributes:
        prepared: What was opened and chosen.
        plan: What is predicted.
        outputs: Files to write.
        files: The same, claimed.
        measurer: What makes the polygons.
        before: What was before, where the rules name it.
    """

    prepared: Prepared
    plan: Plan
    outputs: Outputs
    files: FileSet
    measurer: Measurer
    before: Before | None = None


@contextmanager
def begin(
    scene: Raster,
    outputs: Outputs,
    *,
    view: View,
    rules: PolygonRules,
    runtime: Runtime,
    overwrite: bool = False,
    choosing: bool = True,
) -> Iterator[Begun]:
    """Open a scene for a run; what is opened is closed when the block ends.

    Args:
        scene: A raster, or a dataset that rasterio has opened.
        outputs: Files to write.
        view: What of the scene is seen.
        rules: What counts as a landslide, and how its polygon is drawn.
        runtime: What predicts, and how.
        overwrite: Replace outputs that exist.
        choosing: Choose what runs the model; there is nothing to choose where an engine is open, or elsewhere.

    Raises:
        LandslideError: with a message that says what to do.
    """
    inputs = (name_of(scene), view.aoi, rules.dem, rules.before, *files_of_model(runtime.model))
    files = outputs.claim(*inputs, overwrite=overwrite)
    with prepare(scene, view, runtime, choosing=choosing) as prepared:
        plan = prepared.planned()
        refuse_lonely_spread(outputs.spread, plan.tta)
        rules = rules.with_threshold(plan.card.threshold, plan.card.min_area_m2)
        outputs = replace(outputs, config=config_text(view, rules, replace(runtime, tta=plan.tta)))
        with (
            open_measurer(rules, plan.scene.ground, (plan.scene.height, plan.scene.width)) as measurer,
            prepare_before(plan, rules, view, runtime, outputs.before_probability) as before,
        ):
            if before and before.plan and runtime.elsewhere:
                raise OptionError(
                    f"--before {rules.before} is an image, and workers predict the scene alone; write its probability "
                    "first (landslide detect --probability) and give that"
                )
            yield Begun(prepared, plan, outputs, files, measurer, before)
