"""Scenes for a report, and what a page holds."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from landslide_cli.cli import main
from landslide_cli.model.card import ModelCard
from landslide_cli.report.frame import Frame, frame_of
from landslide_cli.report.tiles import Tiles
from landslide_cli.report.writing import RGB
from landslide_cli.scene.scene import open_scene
from tests.conftest import MakeScene, blobs, first_band, go


def laid_out(path: Path) -> Frame:
    with open_scene(path, wanted=RGB) as scene:
        return frame_of(scene)


def grey(height: int, width: int) -> NDArray[np.uint8]:
    """Smooth random ground in which `first_band` finds landslides."""
    return np.repeat(blobs(height, width)[:1], 3, axis=0)


def picture(uri: str) -> NDArray[np.uint8]:
    """An image of the page as red, green, blue, opacity."""
    import base64

    with MemoryFile(base64.b64decode(uri.split(",")[1])) as file, file.open() as src:
        image = src.read()
    return image if len(image) == 4 else np.concatenate([image, np.full((1, *image.shape[1:]), 255, np.uint8)])


def colour_at(tiles: Tiles, frame: Frame, longitude: float, latitude: float, zoom: int) -> NDArray[np.uint8]:
    """What the page shows at a place, by the arithmetic of slippy maps and not by ours.

    https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames
    """
    x = (longitude + 180) / 360 * 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * 2**zoom
    tile = picture(tiles.images[f"{zoom}/{math.floor(x)}/{math.floor(y)}"])
    return tile[:, int(y % 1 * 256), int(x % 1 * 256)]


def unpacked(rings: list[list[int]]) -> Any:
    """Rings as they are drawn: what an odd number of them surrounds."""
    area = shapely.Polygon()
    for steps in rings:
        area = area.symmetric_difference(shapely.Polygon(np.array(steps).reshape(-1, 2).cumsum(axis=0)))
    return area


@pytest.fixture
def results(make_scene: MakeScene, card: ModelCard) -> tuple[Path, Path, Path]:
    """A scene with a collar, its inventory and its probability raster."""
    image = grey(300, 360).clip(1)
    image[:, :, :60] = 0
    scene = make_scene(image, nodata=0)
    go(scene, card, first_band())
    return scene, scene.with_suffix(".gpkg"), scene.with_name("prob.tif")


def report(*words: object) -> Any:
    return CliRunner().invoke(main, ["report", *map(str, words)])


def data_of(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])
