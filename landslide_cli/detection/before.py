"""What was there before: the same network sees an earlier image of the ground, or its stored answer is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
import shapely
from rasterio.errors import RasterioError

from landslide_cli.detection.announcing import announce_scene
from landslide_cli.detection.outputs import open_raster, provenance
from landslide_cli.detection.prepare import prepare
from landslide_cli.engine import Engine
from landslide_cli.errors import OutputError, SceneError
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.mosaic.reading import Mosaic, is_probability
from landslide_cli.mosaic.regridding import Regridded, default_shift_m, regridded
from landslide_cli.prediction.plan import Plan
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.prediction.strips import Strips
from landslide_cli.scene.area import Area
from landslide_cli.scene.opening import opened
from landslide_cli.scene.placing import way_between
from landslide_cli.scene.scene import Scene, name_of
from landslide_cli.scene.view import View
from landslide_cli.typing import OnProgress

log = logging.getLogger(__name__)

MODEL, WEIGHTS = "LANDSLIDE_MODEL", "LANDSLIDE_WEIGHTS_SHA256"


@dataclass(frozen=True, slots=True)
class Before:
    """The ground before, for a run: opened, and found to fit.

    Attributes:
        path: An image, or a probability raster.
        rules: The rules that name it.
        plan: How the image is predicted; None where a probability raster was given.
    """

    path: str | Path
    rules: PolygonRules
    plan: Plan | None

    @property
    def pixels(self) -> int:
        """Pixels to predict."""
        return 0 if self.plan is None else self.plan.scene.height * self.plan.scene.width

    def predict(self, engine: Engine, place: Path, on_progress: OnProgress | None) -> Path:
        """Write the probability of the image to ``place``; give the raster of it, which may have been there already."""
        if self.plan is None:
            return Path(self.path)
        plan = self.plan
        announce_scene(plan, 0)
        engine.prepare(plan.size, len(plan.grid))
        tags = provenance(plan, engine, Measurer(plan.scene.ground, PolygonRules(self.rules.threshold)))
        with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes), ExitStack() as rasters:
            writer = open_raster(rasters, place, plan, tags, "probability")
            assert writer is not None
            for strip in rasters.enter_context(closing(iter(Strips(plan, engine, on_progress)))):
                writer.write(strip.top, strip.stored)
        return place

    @contextmanager
    def opened(
        self, after: Plan, engine: Engine, place: Path | None, beside: Path, cache_bytes: int,
        on_progress: OnProgress | None,
    ) -> Iterator[Regridded]:  # fmt: skip
        """Predict the image, if it must be, and open its probability on the grid of the scene.

        Args:
            after: The plan of the scene.
            engine: What predicts both.
            place: Where its probability is to be written; None where nobody wants to keep it.
            beside: Folder for it then.
            cache_bytes: Block cache that the scene needs.
            on_progress: Called after each window with pixels done and in all.
        """
        with TemporaryDirectory(dir=beside, prefix="before-") as folder:
            path = self.predict(engine, place or Path(folder) / "before.tif", on_progress)
            with on_grid(path, self.rules, after.scene, cache_bytes) as opened:
                log.info(
                    "%s: its highest probability within %.3g m counts (--shift)", name_of(self.path), opened.shift_m
                )
                yield opened


def in_turn(first: int, second: int, on_progress: OnProgress | None) -> tuple[OnProgress | None, OnProgress | None]:
    """Callbacks for two tasks of so many pixels, one after the other, on one bar."""
    if on_progress is None:
        return None, None
    tell = on_progress
    return lambda done, _: tell(done, first + second), lambda done, _: tell(first + done, first + second)


def on_grid(
    path: str | Path, rules: PolygonRules, raster: Scene | Mosaic, cache_bytes: int = 0
) -> AbstractContextManager[Regridded]:
    """Open a probability before on the grid of a scene, or of its probability."""
    size = raster.height, raster.width
    return regridded(path, raster.ground, size, shift_m=rules.shift_m, cache_bytes=cache_bytes)


@contextmanager
def prepare_before(
    after: Plan, rules: PolygonRules, view: View, runtime: Runtime, keep: Path | None = None
) -> Iterator[Before | None]:
    """Open what the rules name as before, and plan its prediction for the ground that the scene shows.

    Args:
        after: The plan of the scene.
        rules: What counts as a landslide, and what was before.
        view: What is seen of the scene; ``bands``, ``scale`` and ``nodata`` hold for both images where their bands are
            of the same number and type.
        runtime: What predicts both.
        keep: Where the probability before is to be written, if anywhere.

    Raises:
        LandslideError: it can't be used, or doesn't show the ground of the scene.
    """
    path = rules.before
    if path is None:
        _refuse_to_keep(keep, "there is no --before")
        yield None
    elif is_probability(path, remote=view.allow_remote):
        _refuse_to_keep(keep, "--before is a probability raster already")
        with on_grid(path, rules, after.scene) as opened:
            warn_of_another_model(path, opened.tags, {MODEL: after.card.model_id, WEIGHTS: after.card.sha256})
        yield Before(path, rules, None)
    else:
        with prepare(path, _view_of_before(path, view, after.scene), runtime, choosing=False) as prepared:
            plan = prepared.planned()
            yield Before(path, rules, replace(plan, area=_shared_ground(after, plan.scene, rules)))


def _refuse_to_keep(keep: Path | None, why: str) -> None:
    if keep is not None:
        raise OutputError(f"{keep}: {why}, so no probability before is predicted; leave --before-probability out")


def warn_of_another_model(path: str | Path, tags: Mapping[str, str], ours: Mapping[str, str]) -> None:
    """Say so where a probability before is another network's."""
    if WEIGHTS in tags and WEIGHTS in ours and tags[WEIGHTS] != ours[WEIGHTS]:
        log.warning(
            "%s was predicted by %s, the scene by %s: what differs may be the models' doing; predict both with one",
            name_of(path), tags.get(MODEL, "another model"), ours.get(MODEL, "another one"),
        )  # fmt: skip


def _view_of_before(path: str | Path, view: View, scene: Scene) -> View:
    """The same way to see the image of before, as far as it means the same there."""
    whole = replace(view, aoi=None, bbox=None)
    own = replace(whole, bands=None, scale=None, nodata=None)
    if whole == own or _types(path, remote=view.allow_remote) == scene.src.dtypes:
        return whole
    log.info(
        "%s has bands of other number or type than %s: --bands, --scale and --nodata hold for that alone",
        name_of(path), scene.name,
    )  # fmt: skip
    return own


def _types(path: str | Path, *, remote: bool) -> tuple[str, ...] | None:
    """The number types of an image's bands; None if it can't be opened, which is told where it is read."""
    try:
        with opened(path, remote=remote) as src:
            return tuple(src.dtypes)
    except (RasterioError, ValueError, SceneError):
        return None


def _shared_ground(after: Plan, before: Scene, rules: PolygonRules) -> Area | None:
    """The part of the image of before that shows what will be analysed, or what a shift may bring there.

    Raises:
        SceneError: there is none.
    """
    scene = after.scene
    way = way_between(scene.ground, before.ground, before.name)
    outline = shapely.box(*after.area.polygon.bounds) if after.area else shapely.box(0, 0, scene.width, scene.height)
    (placed,) = scene.ground.place(np.array([outline], dtype=object))
    left, bottom, right, top = way.transform_bounds(*placed.bounds)
    if not np.isfinite([left, bottom, right, top]).all() or left >= right:
        return None  # Across the antimeridian, or a pole: all of it.
    inverse = ~before.transform
    corners = shapely.transform(shapely.box(left, bottom, right, top), lambda x, y: inverse @ (x, y), interleaved=False)
    west, north, east, south = corners.bounds
    shift_m = default_shift_m(scene.ground, before.ground) if rules.shift_m is None else rules.shift_m
    down, across = (shift_m / metres + 1 for metres in before.ground.pixel_m or (1.0, 1.0))
    near = shapely.box(west - across, north - down, east + across, south + down)
    shared = shapely.intersection(near, shapely.box(0, 0, before.width, before.height))
    if shared.area == 0:
        raise SceneError(
            f"{before.name} shows none of the ground of {scene.name}; give an image of the same ground, or assign the "
            "right coordinate reference system (gdal_edit.py -a_srs)"
        )
    shapely.prepare(shared)
    return Area(shared)
