"""One scene's run: from a raster to an inventory of landslide polygons."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

from landslide_cli.detection.announcing import announce
from landslide_cli.detection.before import Before, in_turn
from landslide_cli.detection.beginning import begin
from landslide_cli.detection.joining import Earlier, join
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.summary import Summary
from landslide_cli.engine import Engine
from landslide_cli.engine.views import in_views
from landslide_cli.files import FileSet
from landslide_cli.foreign import foreign_errors
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.read import read_inventory
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.prediction.keeping import Kept, keeping
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.prediction.strips import Strips
from landslide_cli.scene.scene import Raster
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

if TYPE_CHECKING:
    import geopandas


@overload
def detect(
    scene: Raster, out: None = None, *, view: View = ..., rules: PolygonRules = ..., runtime: Runtime = ...,
    overwrite: bool = ..., engine: Engine | None = ..., on_progress: OnProgress | None = ...,
) -> geopandas.GeoDataFrame: ...  # fmt: skip


@overload
def detect(
    scene: Raster, out: str | Path | Outputs, *, view: View = ..., rules: PolygonRules = ..., runtime: Runtime = ...,
    overwrite: bool = ..., engine: Engine | None = ..., on_progress: OnProgress | None = ...,
) -> Summary: ...  # fmt: skip


@foreign_errors()
def detect(
    scene: Raster,
    out: str | Path | Outputs | None = None,
    *,
    view: View = View(),
    rules: PolygonRules = PolygonRules(),
    runtime: Runtime = Runtime(),
    overwrite: bool = False,
    engine: Engine | None = None,
    on_progress: OnProgress | None = None,
) -> Summary | geopandas.GeoDataFrame:
    """Find the landslides in a scene.

    Args:
        scene: Any raster that GDAL reads, of any size, or a dataset that rasterio has opened; it stays open.
        out: Inventory to write: ``.gpkg``, ``.shp``, ``.geojson``, ``.fgb`` or ``.parquet``; or `Outputs` for rasters
            and a STAC item as well. None writes nothing.
        view: What of the scene is seen.
        rules: What counts as a landslide, and how its polygon is drawn.
        runtime: What predicts, and how.
        overwrite: Replace outputs that exist.
        engine: What ``runtime.choose(...).open()`` gave, to use it for several scenes. By default the model is loaded
            anew; with it, engine, device, precision and batch size of ``runtime`` aren't asked for.
        on_progress: Called after each window with the scene's pixels done and in all.

    Returns:
        What was found, in numbers. Without ``out`` the landslides themselves, with their attributes, in the scene's
        CRS, and in ``attrs`` how they were made, see `landslide_cli.read_inventory`.

    Raises:
        LandslideError: with a message that says what to do; no output is written then.
    """
    if out is None:
        with TemporaryDirectory(prefix="landslide-") as folder:
            place = Path(folder) / "landslides.gpkg"
            detect(scene, place, view=view, rules=rules, runtime=runtime, engine=engine, on_progress=on_progress)
            return read_inventory(place)
    outputs = out if isinstance(out, Outputs) else Outputs(Path(out))
    elsewhere = engine is None and runtime.elsewhere
    with begin(
        scene, outputs, view=view, rules=rules, runtime=runtime, overwrite=overwrite,
        choosing=engine is None and not elsewhere,
    ) as begun:  # fmt: skip
        if elsewhere:
            from landslide_cli.detection.elsewhere import detect_elsewhere

            return detect_elsewhere(begun, runtime, on_progress=on_progress)
        engine = engine or begun.prepared.open_engine()
        with keeping(outputs.inventory, begun.plan, engine, wanted=runtime.resume) as kept:
            return run(
                begun.plan, engine, begun.outputs, measurer=begun.measurer, before=begun.before, files=begun.files,
                on_progress=on_progress, kept=kept,
            )  # fmt: skip


def run(
    plan: Plan,
    engine: Engine,
    outputs: Outputs,
    *,
    measurer: Measurer | None = None,
    before: Before | None = None,
    files: FileSet | None = None,
    on_progress: OnProgress | None = None,
    kept: Kept | None = None,
) -> Summary:
    """Carry a plan out with any engine; the outputs get their names together, at the end.

    Args:
        plan: What is predicted.
        engine: What predicts.
        outputs: Files to write.
        measurer: What makes the polygons; by the card's threshold alone by default.
        before: What was before, where the rules of the measurer name it.
        files: The outputs as `Outputs.claim` gave them; whatever is there is replaced by default.
        on_progress: Called after each window with the scene's pixels done and in all.
        kept: Finished bands that are there, and where further ones are kept.

    Raises:
        SceneError: the scene can't be read to its end, or nothing in it is valid.
    """
    engine = in_views(engine, plan.tta)
    measurer = measurer or Measurer(plan.scene.ground, PolygonRules(threshold=plan.card.threshold))
    announce(plan, engine)
    pixels = plan.scene.height * plan.scene.width
    on_earlier, on_progress = in_turn(before.pixels if before else 0, pixels, on_progress)
    return join(
        plan, engine, Strips(plan, engine, on_progress, kept), outputs, measurer=measurer,
        files=files or outputs.claim(overwrite=True), earlier=Earlier(before, on_earlier) if before else None,
    )  # fmt: skip
