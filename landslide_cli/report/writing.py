"""From an inventory and its scene to a page, and a picture."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError

from landslide_cli.errors import NoCRSWarning, OutputError, ReportError, SceneError
from landslide_cli.extras import need
from landslide_cli.files import FileSet
from landslide_cli.inventory.read import Inventory, read_layers
from landslide_cli.mosaic.reading import open_mosaic
from landslide_cli.report.facts import areas_of, count, listed
from landslide_cli.report.frame import Frame, frame_of
from landslide_cli.report.imagery import probability_imagery, scene_imagery
from landslide_cli.report.outlines import outlines
from landslide_cli.report.page import Contents, page_of
from landslide_cli.report.sight import Sight, coverage, seen_on
from landslide_cli.report.sizes import sizes_of
from landslide_cli.report.table import identity
from landslide_cli.report.tiles import Imagery, Tiles, make_tiles
from landslide_cli.scene.bands import choose_bands
from landslide_cli.scene.opening import opened
from landslide_cli.scene.scene import Scene, open_scene
from landslide_cli.typing import OnProgress

RGB = ("red", "green", "blue")
# Outlines of what was analysed are drawn in every tile of the map.
ANALYSED_VERTICES = 60_000
# Of the imagery's bytes, where there is a probability as well.
PROBABILITY_PART = 0.2
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """The files that were written.

    Attributes:
        out: The page.
        png: The picture, if one was asked for.
        landslides: Number of landslides on the scene, without those that a person rejected.
        elsewhere: Polygons of the inventory that lie on other scenes.
        area_m2: Area of the landslides together; None if unknown.
        size: Bytes of the page.
        reduction: Pixels of the scene along each side of a pixel of the page's finest imagery, a power of 2.
        simplified_px: Pixels of the scene by which outlines in the page may be off.
    """

    out: str
    png: str | None
    landslides: int
    elsewhere: int
    area_m2: float | None
    size: int
    reduction: int
    simplified_px: float


def write_report(
    inventory: str | Path,
    out: str | Path,
    *,
    scene: str | Path,
    probability: str | Path | None = None,
    png: str | Path | None = None,
    imagery_mb: float = 10.0,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """Write one HTML page that shows an inventory over its scene, and needs nothing else.

    Args:
        inventory: What `landslide_cli.detect` has written.
        out: Page to write: ``.html``.
        scene: The scene of that run.
        probability: Probability raster of that run.
        png: Picture to write as well: ``.png``; needs matplotlib.
        imagery_mb: Largest size of the imagery in the page, in millions of bytes.
        overwrite: Replace outputs that exist.
        on_progress: Called with the pixels of imagery done and in all, for one raster after the other.

    Raises:
        LandslideError: with a message that says what to do; no output is written then.
    """
    out, png = Path(out), None if png is None else Path(png)
    files = _claim(out, png, [inventory, scene, probability], overwrite=overwrite)
    with _opened(scene) as opened:
        read = read_layers(Path(inventory), opened.name)
        frame = frame_of(opened)
        sight = _sight(read, frame, opened)
        landslides = sight.inventory.landslides
        areas = areas_of(landslides)
        shown = _scene_imagery(opened, read)
        budget = int(imagery_mb * MB)
        part = PROBABILITY_PART if probability else 0
        rasters = {"scene": make_tiles(shown, frame, budget=round(budget * (1 - part)), on_rows=on_progress)}
        if probability is not None:
            rasters["probability"] = _probability_tiles(probability, opened, frame, round(budget * part), on_progress)
        drawn = outlines(sight.placed, frame)
        analysed = sight.analysed
        counted = count(landslides, areas, sight.inside)
        contents = Contents(
            scene=opened.name,
            name=Path(inventory).stem,
            identity=identity(read.landslides),
            inventory=sight.inventory,
            elsewhere=sight.elsewhere,
            areas=areas,
            counted=counted,
            covered=coverage(opened, read, rasters["scene"].valid),
            frame=frame,
            outlines=drawn,
            analysed=None if analysed is None else outlines(analysed, frame, limit=ANALYSED_VERTICES),
            rasters=rasters,
            sizes=sizes_of(counted.areas),
        )
        text = page_of(contents)
        with files.staged() as places:
            places[out].write_text(text, encoding="utf-8")
            if png is not None:
                from landslide_cli.report.figure import draw_picture

                draw_picture(places[png], contents, shown, sight.placed, analysed)
    return Report(
        out=str(out),
        png=None if png is None else str(png),
        landslides=counted.landslides,
        elsewhere=sight.elsewhere,
        area_m2=counted.area_m2,
        size=len(text.encode()),
        reduction=2 ** (frame.native_zoom - rasters["scene"].deepest),
        simplified_px=drawn.simplified_px,
    )


def _claim(out: Path, png: Path | None, inputs: list[str | Path | None], *, overwrite: bool) -> FileSet:
    if out.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{out}: the report is a page; let the name end in .html")
    if png is not None:
        if png.suffix.lower() != ".png":
            raise OutputError(f"{png}: the picture is a PNG; let the name end in .png")
        need("matplotlib", extra="plot", purpose="--png")
    return FileSet([path for path in (out, png) if path is not None], overwrite=overwrite, inputs=inputs)


@contextmanager
def _opened(path: str | Path) -> Iterator[Scene]:
    with warnings.catch_warnings():
        # The page itself says so.
        warnings.simplefilter("ignore", NoCRSWarning)
        with open_scene(path, wanted=RGB, bands=_shown(path)) as scene:
            yield scene


def _shown(path: str | Path) -> tuple[int, ...] | None:
    """The first bands, if nothing tells which are the colours: a picture is better than none; None to choose as always.

    What the network saw stands in the inventory and is shown where it does.
    """
    try:
        with opened(path) as src:
            if src.count < len(RGB):
                return (1, 1, 1)
            choose_bands(src, RGB, None)
            return None
    except SceneError:
        return (1, 2, 3)
    except RasterioError:
        return None  # open_scene says it better


def _scene_imagery(scene: Scene, inventory: Inventory) -> Imagery:
    """The scene in the bands and with the stretch of its run, as far as the inventory tells them."""
    told = [int(band) for band in inventory.run.get("bands", "").split(",") if band.strip().isdigit()]
    bands = told[:3] if len(told) >= 3 else told[:1] * 3
    if not bands or max(bands) > scene.src.count:
        bands = list(scene.bands)
    stretch = tuple(float(value) for value in inventory.run.get("stretch", "").split(",") if value.strip())
    if len(stretch) != 2 or stretch[0] >= stretch[1]:
        stretch = (0.0, 255.0) if scene.dtype == np.uint8 else scene.stretch()
    return scene_imagery(scene.src.name, (bands[0], bands[1], bands[2]), (stretch[0], stretch[1]))


def _probability_tiles(
    path: str | Path, scene: Scene, frame: Frame, budget: int, on_progress: OnProgress | None
) -> Tiles:
    with open_mosaic(path) as mosaic:
        if reason := mosaic.misfit(scene):
            raise ReportError(f"{path} {reason}; give the raster that landslide detect --probability wrote of it")
    return make_tiles(probability_imagery(path), frame, budget=budget, on_rows=on_progress)


def _sight(inventory: Inventory, frame: Frame, scene: Scene) -> Sight:
    """What of the inventory lies on the scene.

    Raises:
        ReportError: it can't be placed there, or none of its landslides lies on the scene.
    """
    landslides = inventory.landslides
    if scene.crs is None and landslides.crs is not None:
        raise ReportError(
            f"{scene.name} has no coordinate reference system, but the inventory has one ({landslides.crs.name}); "
            "give the scene of that run, or assign its own with gdal_edit.py -a_srs"
        )
    sight = seen_on(inventory, frame)
    # A scene of many may have none.
    if sight.elsewhere and not len(sight.placed) and (sight.analysed is None or not len(sight.analysed)):
        where = inventory.run.get("scene") or listed(inventory.scenes)
        raise ReportError(
            f"no landslide of the inventory lies on {scene.name}; give --scene the scene of its run"
            + (f", {where}" if where else "")
        )
    return sight
