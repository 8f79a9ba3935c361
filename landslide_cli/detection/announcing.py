"""The first lines of a run: by what, of what, and how it is seen."""

from __future__ import annotations

import logging

from landslide_cli.engine import Engine
from landslide_cli.engine.views import VIEWS
from landslide_cli.errors import counted
from landslide_cli.model.weights import installed_weights
from landslide_cli.prediction.plan import Plan

log = logging.getLogger(__name__)


def announce(plan: Plan, engine: Engine) -> None:
    """Tell what predicts."""
    views = f", {len(VIEWS[plan.tta])} views of each window" if plan.tta != "none" else ""
    others = ", ".join(path.stem for path in installed_weights() if path.stem != plan.card.model_id)
    more = f" (also there: {others}; --model)" if others else ""
    log.info("%s by %s on %s, %s%s%s", plan.card.model_id, engine.name, engine.device, engine.precision, views, more)


def announce_scene(plan: Plan, smallest_m2: float) -> None:
    """Tell what is seen of a scene, how, and what is too small to be told."""
    scene = plan.scene
    metres = f"{scene.resolution_m:.3g} m pixels" if scene.resolution_m else "pixels of unknown size"
    log.info(
        "%s: %d x %d, %s, bands %s, %s",
        scene.name, scene.width, scene.height, metres, ",".join(map(str, scene.bands)),
        counted(len(plan.grid), "window"),
    )  # fmt: skip
    if plan.value_range != plan.card.value_range:
        log.info("%s pixels: %g to %g is stretched to the model's range (--scale)", scene.dtype, *plan.value_range)
    if plan.resampled:
        log.info(
            "the network sees %.3g m (trained for %.3g to %.3g m; --resolution); results keep the scene's grid",
            plan.working_m, *plan.card.resolution_m,
        )  # fmt: skip
    if smallest_m2:
        log.info("landslides below %g m² are left out (--min-area)", smallest_m2)
