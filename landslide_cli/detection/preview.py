"""What a run would do with a scene, and why it might refuse, without running it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rasterio.windows import Window

from landslide_cli.detection.before import Before, prepare_before
from landslide_cli.detection.outputs import Outputs, refuse_lonely_spread
from landslide_cli.detection.prepare import RGB, Prepared, prepare
from landslide_cli.detection.probe import probe as ask
from landslide_cli.engine.choice import Choice
from landslide_cli.engine.views import in_views
from landslide_cli.errors import LandslideError, LandslideWarning
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.attributes import open_measurer
from landslide_cli.inventory.formats import fitting_crs
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.weights import files_of_model
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.scene import Raster, Scene, name_of
from landslide_cli.scene.view import View
from landslide_cli.typing import OnNote


@dataclass(slots=True)
class Preview:
    """A run foreseen. Everything that couldn't be found out, because of a refusal, is None.

    Attributes:
        scene: The scene.
        refusals: Why `landslide_cli.detect` would refuse, all reasons that can be seen at once; empty if it wouldn't.
        warnings: What it would warn of.
        driver: GDAL's name of the format.
        size: Width and height in pixels.
        dtype: Number type of the bands used.
        crs: Coordinate reference system.
        resolution_m: Metres per pixel at the centre.
        bands: Name in the model and number in the file of each band used.
        unused: Numbers of the bands that are not used.
        valid_share: Part of the pixels that are valid, in small windows spread evenly over the scene, or over what of
            it would be analysed.
        value_range: Raw values that map to the model's range.
        model: Model id.
        trained_m: Metres per pixel that the model was trained for.
        working_m: Metres per pixel that the network would see.
        window_px: Height and width of a window in pixels of the scene.
        windows: Windows that cover it; those without a valid pixel cost nothing.
        engine: What would run the network.
        device: Where it would run.
        precision: Type that its convolutions would run in.
        seconds: Time of the run once the network is loaded, from a probe of a few windows: reading, network, polygons.
        memory_bytes: Largest memory of the process, from the probe and the buffers of the plan.
        raster_bytes: Largest size of each probability or mask raster asked for, without compression and overviews.
    """

    scene: str
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    driver: str | None = None
    size: tuple[int, int] | None = None
    dtype: str | None = None
    crs: str | None = None
    resolution_m: float | None = None
    bands: dict[str, int] | None = None
    unused: list[int] | None = None
    valid_share: float | None = None
    value_range: tuple[float, float] | None = None
    model: str | None = None
    trained_m: tuple[float, float] | None = None
    working_m: float | None = None
    window_px: tuple[int, int] | None = None
    windows: int | None = None
    engine: str | None = None
    device: str | None = None
    precision: str | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    raster_bytes: int | None = None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Turn a refusal into a line of the preview, and go on."""
        try:
            yield
        except LandslideError as error:
            self.refusals.append(str(error))


@foreign_errors()
def preview(
    scene: Raster,
    out: str | Path | Outputs | None = None,
    *,
    view: View = View(),
    rules: PolygonRules = PolygonRules(),
    runtime: Runtime = Runtime(),
    overwrite: bool = False,
    probe: bool = True,
    on_progress: OnNote | None = None,
) -> Preview:
    """Tell what `landslide_cli.detect` would do with the same arguments; nothing is written.

    Args:
        scene: As for `detect`, and so is all that follows.
        out: Outputs that would be written; without them, whether anything could be written isn't looked at.
        view: What of the scene would be seen.
        rules: What would count as a landslide.
        runtime: What would predict, and how.
        overwrite: Whether outputs may exist.
        probe: Ask the network about a few windows, to tell time and memory.
        on_progress: Called after each step of that with their number, those in all, and words.
    """
    found = Preview(name_of(scene))
    outputs = None
    if out is not None:
        outputs = out if isinstance(out, Outputs) else Outputs(Path(out))
        with found.noting():
            outputs.claim(
                found.scene, view.aoi, rules.dem, rules.before, *files_of_model(runtime.model), overwrite=overwrite
            )
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", LandslideWarning)
        with prepare(scene, view, runtime, refusing=found.noting) as prepared:
            _describe(found, prepared)
            if outputs and prepared.card:
                with found.noting():
                    refuse_lonely_spread(outputs.spread, runtime.tta or prepared.card.tta)
            if prepared.scene:
                within = prepared.plan.area.window if prepared.plan and prepared.plan.area else None
                _look_closer(found, prepared.scene, outputs, rules, within)
            if prepared.plan and prepared.card:
                rules = rules.with_threshold(prepared.card.threshold, prepared.card.min_area_m2)
                keep = outputs.before_probability if outputs else None
                with found.noting(), prepare_before(prepared.plan, rules, view, runtime, keep) as before:
                    if probe and not found.refusals and prepared.choice:
                        _probe(found, prepared.plan, before, prepared.choice, on_progress)
        found.warnings = [str(one.message) for one in heard if issubclass(one.category, LandslideWarning)]
    return found


def _describe(found: Preview, prepared: Prepared) -> None:
    card, scene, plan, choice = prepared.card, prepared.scene, prepared.plan, prepared.choice
    if card:
        found.model, found.trained_m = card.model_id, card.resolution_m
    if choice:
        found.engine, found.device, found.precision = choice.engine, choice.device, choice.precision
    if scene:
        found.driver = scene.src.driver
        found.size = scene.width, scene.height
        found.dtype = str(scene.dtype)
        found.crs = scene.crs.to_string() if scene.crs else None
        found.resolution_m = scene.resolution_m
        found.bands = dict(zip(card.bands if card else RGB, scene.bands, strict=True))
        found.unused = [number for number in range(1, scene.src.count + 1) if number not in scene.bands]
    if plan:
        found.value_range = plan.value_range
        found.working_m = plan.working_m
        found.window_px = plan.scene_px(plan.size)
        found.windows = len(plan.grid)
        found.raster_bytes = plan.scene.height * plan.scene.width


def _look_closer(
    found: Preview, scene: Scene, outputs: Outputs | None, rules: PolygonRules, within: Window | None
) -> None:
    """Look for refusals that a run would only meet once it has begun."""
    if outputs:
        with found.noting():
            fitting_crs(outputs.inventory, scene.crs, {"scene": scene.name})
    with found.noting(), open_measurer(rules, scene.ground, (scene.height, scene.width)):
        pass
    with found.noting():
        found.valid_share = scene.valid_share(within)


def _probe(found: Preview, plan: Plan, before: Before | None, choice: Choice, on_progress: OnNote | None) -> None:
    engine = in_views(choice.open(), plan.tta)
    for one in (plan, *([before.plan] if before and before.plan else [])):
        # For one window: what a long run takes a minute to compile would make this long, too.
        engine.prepare(one.size, 1)
        needs = ask(one, engine, on_progress)
        if needs:
            found.seconds = needs.seconds + (found.seconds or 0.0)
            found.memory_bytes = max(needs.memory_bytes, found.memory_bytes or 0)
