"""Scenes for a report, and what a page holds."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from landslide_cli.cli import main
from landslide_cli.model.card import ModelCard
from landslide_cli.report.frame import Frame, frame_of
from landslide_cli.report.tiles import Tiles
from landslide_cli.report.writing import RGB, write_report
from landslide_cli.scene.placing import ground_in
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, first_band, go, noise

Browser = Any  # selenium.webdriver.Chrome, where selenium is installed


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


CHROME = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
NAME = "<img src=x onerror=window.harmed=1>.tif"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one, which a page can be opened in."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium isn't installed: landslide-cli[dev]")
    if CHROME is None or DRIVER is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROME)
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--force-device-scale-factor=1"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_window_size(1300, 900)
    yield driver
    driver.quit()


def slides(count: int, crs: str | None = UTM, transform: Affine = TRANSFORM) -> geopandas.GeoDataFrame:
    """Squares in rows on a scene of 520 x 500, each larger than the one before, numbered in a mixed order."""
    across = max(6, math.ceil(math.sqrt(count)))
    step = 480 / across
    sides = step * (0.25 + 0.375 * np.arange(count) / count)
    corners = [(20 + step * (k % across), 10 + step * (k // across)) for k in range(count)]
    boxes = [shapely.box(x, y, x + side, y + side) for (x, y), side in zip(corners, sides, strict=True)]
    placed = shapely.transform(np.array(boxes), lambda x, y: transform @ (x, y), interleaved=False)
    area = (sides * 0.8) ** 2 if crs is None else ground_in(pyproj.CRS(crs)).measure(placed)[0].round(2)
    table = {
        "id": np.random.default_rng(1).permutation(count) + 1, "area_m2": area,
        "prob_mean": np.linspace(0.5, 0.9, count), "cut": np.arange(count) == 0, "model": ["<b>m</b>"] * count,
    }  # fmt: skip
    return geopandas.GeoDataFrame(table, geometry=placed, crs=crs)


@pytest.fixture
def make_page(make_scene: MakeScene, tmp_path: Path) -> Callable[..., Path]:
    def make(
        count: int = 30, *, crs: str | None = UTM, transform: Affine = TRANSFORM,
        frame: geopandas.GeoDataFrame | None = None, **settings: Any,
    ) -> Path:  # fmt: skip
        scene = make_scene(noise(3, 500, 520), name=NAME, crs=crs, transform=transform)
        inventory = tmp_path / "slides.gpkg"
        frame = slides(count, crs, transform) if frame is None else frame
        frame.to_file(inventory, layer="landslides")
        half = shapely.transform(shapely.box(0, 0, 520, 400), lambda x, y: transform @ (x, y), interleaved=False)
        geopandas.GeoDataFrame(geometry=[half], crs=crs).to_file(inventory, layer="analysed", mode="a")
        write_report(inventory, tmp_path / "page.html", scene=scene, overwrite=True, **settings)
        return tmp_path / "page.html"

    return make


def show(browser: Browser, address: str) -> None:
    browser.get_log("browser"), browser.get_log("performance")  # of the test before
    browser.get(address)
    wait(browser, lambda: browser.find_elements("css selector", ".leaflet-scene-pane img.leaflet-tile-loaded"))


def wait(browser: Browser, condition: Callable[[], Any]) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 30, poll_frequency=0.1).until(lambda _: condition())


def numbers(browser: Browser, column: int = 0) -> list[str]:
    """What stands in a column of the rows in sight."""
    script = "return [...document.querySelectorAll('tbody tr[data-index]')].map(r => r.cells[arguments[0]].textContent)"
    return browser.execute_script(script, column)


def chosen(browser: Browser) -> list[str]:
    script = "return [...document.querySelectorAll('tr[aria-selected=true]')].map(r => r.cells[0].textContent)"
    return browser.execute_script(script)


def ring(browser: Browser) -> dict[str, float]:
    """Where the chosen landslide is outlined on the screen, relative to the map's centre."""
    script = """
    const r = document.querySelector('.leaflet-overlay-pane path').getBoundingClientRect();
    const m = document.getElementById('map').getBoundingClientRect();
    return {x: r.x + r.width / 2 - m.x - m.width / 2, y: r.y + r.height / 2 - m.y - m.height / 2, size: r.width};
    """
    return browser.execute_script(script)
