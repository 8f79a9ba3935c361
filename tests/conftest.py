"""Small scenes made in code, and stand-ins for the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from PIL import Image

from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import Summary, run
from landslide_cli.engine import Engine
from landslide_cli.errors import OptionError
from landslide_cli.inventory.attributes import open_measurer
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import write_weights
from landslide_cli.networks.registry import build_network
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.area import read_area
from landslide_cli.scene.scene import open_scene
from landslide_cli.scene.view import View

settings.register_profile(
    "default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("default")

SHARED = Path(__file__).parents[2] / "shared" / "data"
UTM = "EPSG:32648"
TRANSFORM = Affine(0.8, 0, 500_000, 0, -0.8, 2_950_000)


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Models that tests convert don't belong into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


RANGE = (0.0, 255.0)


class StandIn(Engine):
    """An engine made of any function from pixels (N, C, H, W) to probabilities (N, H, W)."""

    name = "stand-in"
    device = "cpu"
    precision = "float32"

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[Any]], batch_size: int = 3) -> None:
        self.function = function
        self.batch_size = batch_size
        self.windows = 0

    def __call__(self, pixels: NDArray[Any], value_range: tuple[float, float] = RANGE) -> NDArray[np.float32]:
        assert pixels.shape[0] == self.batch_size
        self.windows += len(pixels)
        return self.function(pixels).astype(np.float32)


def constant(value: float) -> StandIn:
    return StandIn(lambda pixels: np.full((len(pixels), *pixels.shape[2:]), value))


def first_band() -> StandIn:
    """Gives the first band back: 0 … 254 is 0 … 1."""
    return StandIn(lambda pixels: pixels[:, 0] / 254)


def stand_in_card() -> ModelCard:
    return ModelCard(
        model_id="stand-in",
        network="msasnet",
        arguments={},
        bands=("red", "green", "blue"),
        value_range=(0.0, 255.0),
        mean=(0.4, 0.4, 0.4),
        std=(0.2, 0.2, 0.2),
        resolution_m=(0.1, 10.0),
        threshold=0.5,
        sha256="0" * 64,
        licence="none",
    )


@pytest.fixture
def card() -> ModelCard:
    return stand_in_card()


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Path]:
    """Write an array of shape (bands, height, width) as a GeoTIFF."""

    def make(
        array: NDArray[Any], *, name: str = "scene.tif", transform: Affine = TRANSFORM, crs: str | None = UTM,
        valid: NDArray[np.bool_] | None = None, **profile: Any,
    ) -> Path:  # fmt: skip
        path = tmp_path / name
        bands, height, width = array.shape
        with rasterio.open(
            path, "w", driver="GTiff", count=bands, height=height, width=width, dtype=array.dtype,
            transform=transform, crs=crs, **profile,
        ) as dst:  # fmt: skip
            dst.write(array)
            if valid is not None:
                dst.write_mask(valid)
        return path

    return make


def write_small_model(folder: Path) -> Path:
    """A model of 400 kB with random weights."""
    import torch

    torch.manual_seed(0)
    folder.mkdir()
    path = folder / "small.safetensors"
    digest = write_weights(build_network("msasnet", width=8), path)
    card = replace(stand_in_card(), model_id="small", arguments={"width": 8}, sha256=digest)
    card.write(path.with_suffix(".json"))
    return path


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    return write_small_model(tmp_path / "models")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers of Dask in threads of this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, memory_limit=0
    ) as running:
        yield running


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    """A connection to them; they keep no engine of the test before."""
    from distributed import Client

    from landslide_cli.cluster.orders import opened

    opened.cache_clear()
    with Client(cluster) as connected:
        yield connected
    opened.cache_clear()


def assert_refused(kind: Callable[..., Any], given: dict[str, Any], told: str) -> None:
    """A value made with one wrong setting is refused by the setting's name and with what may be given."""
    with pytest.raises(OptionError, match=re.escape(told)) as refused:
        kind(**given)
    assert next(iter(given)) in str(refused.value)


def noise(*shape: int, dtype: str = "uint8", seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 255, size=shape).astype(dtype)


def write_chip(folder: Path, stem: str, seed: int = 0, size: tuple[int, int] = (50, 60), masked: bool = True) -> None:
    """Bright squares on dark ground; the squares are landslide."""
    rng = np.random.default_rng(seed)
    image = rng.integers(20, 90, (*size, 3)).astype(np.uint8)
    mask = np.zeros(size, np.uint8)
    if masked:
        row, col = rng.integers(0, 25, 2)
        mask[row : row + 18, col : col + 22] = 255
        image[mask > 0] += 120
        (folder / "mask").mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).convert("1").save(folder / "mask" / f"{stem}.png")
    (folder / "image").mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / "image" / f"{stem}.png")


def write_data(folder: Path) -> None:
    """Six chips with landslides and six without, in the groups a, b and c."""
    for number in range(6):
        write_chip(folder / "slides", f"s{number}", seed=number)
        write_chip(folder / "others", f"o{number}", seed=number, masked=False)
    rows = ["stem,group", *(f"{kind}{n},{'abc'[n // 2]}" for kind in "so" for n in range(6))]
    (folder / "groups.csv").write_text("\n".join(rows))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_data(tmp_path / "data")
    return tmp_path / "data"


MakeScene = Callable[..., Path]


def go(
    path: Path, card: ModelCard, engine: StandIn, *, view: View = View(), ending: str = ".gpkg", **settings: Any
) -> tuple[Summary, geopandas.GeoDataFrame, NDArray[np.uint8], NDArray[np.uint8]]:
    """Run and read everything back: summary, landslides, probability, mask.

    Settings are those of `PolygonRules` and of `make_plan`.
    """
    ours = {field.name for field in fields(PolygonRules)} & settings.keys()
    rules = PolygonRules(**{name: settings.pop(name) for name in ours}).with_threshold(card.threshold)
    outputs = Outputs(path.with_suffix(ending), path.with_name("prob.tif"), path.with_name("mask.tif"))
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card, area=read_area(view, scene), **settings)
        with open_measurer(rules, scene.ground, (scene.height, scene.width)) as measurer:
            summary = run(plan, engine, outputs, measurer=measurer)
    rasters = []
    for raster in (outputs.probability, outputs.mask):
        assert raster is not None
        with rasterio.open(raster) as src, rasterio.open(path) as scene_src:
            assert (src.shape, src.transform, src.crs) == (scene_src.shape, scene_src.transform, scene_src.crs)
            rasters.append(src.read(1))
    options = {"layer": "landslides"} if ending == ".gpkg" else {}
    return summary, geopandas.read_file(outputs.inventory, **options), rasters[0], rasters[1]


def blobs(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth random first band with values below and above the threshold."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 6)
    band = ((field - field.min()) / (field.max() - field.min()) * 254).astype(np.uint8)
    return np.stack([band, noise(height, width), noise(height, width)])
