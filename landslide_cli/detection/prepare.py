"""Everything that is opened and decided for a scene before its first window is predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from landslide_cli.engine import Engine
from landslide_cli.engine.choice import Choice
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import Raster, Scene, open_scene, warn_of_undeclared_nodata
from landslide_cli.scene.view import View

RGB = ("red", "green", "blue")  # what bands are chosen by if there is no model to ask


@dataclass(slots=True)
class Prepared:
    """The parts that a run needs. One is None only where a refusal has been let pass; see `prepare`."""

    card: ModelCard | None = None
    choice: Choice | None = None
    scene: Scene | None = None
    plan: Plan | None = None

    def planned(self) -> Plan:
        """The plan, where nothing was refused."""
        assert self.plan is not None
        return self.plan

    def open_engine(self) -> Engine:
        """Load the model into what was chosen, where nothing was refused.

        Raises:
            ModelError: it is damaged, or isn't for the engine.
        """
        assert self.choice is not None
        return self.choice.open()


@contextmanager
def prepare(
    scene: Raster,
    view: View,
    runtime: Runtime,
    *,
    choosing: bool = True,
    refusing: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[Prepared]:
    """Find the model, choose what runs it, open the scene, and plan the run.

    Args:
        scene: A raster, or a dataset that rasterio has opened.
        view: What of it is seen.
        runtime: What predicts, and how.
        choosing: Choose what runs the model; there is nothing to choose where an engine is open already.
        refusing: Stands around each of these steps. One that lets refusals pass hears of all of them; what can't be
            known for one of them is None then.

    Raises:
        LandslideError: with a message that says what to do.
    """
    found = Prepared()
    weights = Path(runtime.model)
    with ExitStack() as stack:
        with refusing():
            weights, found.card = find_model(runtime.model)
        card = found.card
        if choosing:
            with refusing():
                found.choice = runtime.choose(weights, card)
        with refusing():
            wanted = card.bands if card else RGB
            found.scene = stack.enter_context(
                open_scene(scene, wanted=wanted, bands=view.bands, nodata=view.nodata, allow_remote=view.allow_remote)
            )
        area = None
        if found.scene:
            with refusing():
                area = read_area(view, found.scene)
            with refusing():
                warn_of_undeclared_nodata(found.scene, area.window if area else None)
        if found.scene and card:
            with refusing():
                found.plan = make_plan(
                    found.scene, card, overlap=runtime.overlap, scale=view.scale, resolution_m=view.resolution_m,
                    area=area, tta=runtime.tta,
                )  # fmt: skip
        yield found
