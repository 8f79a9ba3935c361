"""torch on every number type, and a scene by every engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray

import landslide_cli
from landslide_cli.demo import write_demo_scene
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.engine.batch_size import Halving
from landslide_cli.engine.torch_engine import TorchEngine, probability_of
from landslide_cli.networks.registry import build_network
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import RANGE, MakeScene, noise, stand_in_card
from tests.engine.conftest import BOUNDS, Asked, Card, have


@pytest.fixture(scope="module")
def of_torch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small synthetic scene and what torch finds there in float32."""
    folder = tmp_path_factory.mktemp("engines")
    write_demo_scene(folder / "demo.tif", folder / "truth.gpkg", size=224)
    return folder / "demo.tif", run_on(folder / "demo.tif", folder, engine="torch", precision="float32")


def run_on(scene: Path, folder: Path, **settings: Any) -> Path:
    name = "-".join(settings.values())
    outputs = landslide_cli.Outputs(folder / f"{name}.gpkg", probability=folder / f"{name}.tif")
    runtime = landslide_cli.Runtime(device="cpu", **settings)
    # So small a scene has little that looks like a landslide.
    rules = landslide_cli.PolygonRules(threshold=0.05, min_area_m2=0)
    landslide_cli.detect(scene, outputs, view=landslide_cli.View(resolution_m=1.0), rules=rules, runtime=runtime)
    return folder / f"{name}.tif"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "precision"), [("torch", "bfloat16"), ("openvino", "float32"), ("openvino", "bfloat16")]
)
def test_a_scene_looks_the_same_by_every_engine(
    of_torch: tuple[Path, Path], tmp_path: Path, engine: str, precision: str, record_property: Callable[..., None]
) -> None:
    if engine == "openvino":
        have("openvino", "platformdirs")
    scene, expected = of_torch
    found = run_on(scene, tmp_path, engine=engine, precision=precision)
    one, other = (read_stored(path) for path in (expected, found))
    assert np.ptp(one) > 30
    # A stored step is 1/254, and rounding can add one.
    assert np.abs(one - other).max() <= 1 + 254 * BOUNDS[precision]
    before, after = (
        geopandas.read_file(path.with_suffix(".gpkg"), layer="landslides").geometry.union_all()
        for path in (expected, found)
    )
    apart = before.symmetric_difference(after).area / before.union(after).area
    record_property("symmetric difference of polygons", apart)
    print(f"{engine} {precision}: polygons differ by {apart:.3%} of their area")
    assert apart < {"float32": 0.001, "bfloat16": 0.05}[precision]


def read_stored(path: Path) -> NDArray[np.int64]:
    import rasterio

    with rasterio.open(path) as src:
        return src.read(1).astype(np.int64)


class Staying(Card):
    """A card that leaves its answers where they are, as `TorchEngine` does on one."""

    def __init__(self, most: int, batch_size: int) -> None:
        super().__init__(most, batch_size)
        self.filled: list[tuple[int, ...]] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        self.filled.append(shape)
        return np.zeros(shape, dtype)

    def on_device(self, pixels: NDArray[Any], value_range: tuple[float, float]) -> Any:
        return torch.from_numpy(self(pixels, value_range))


def test_answers_that_stay_on_a_card_are_blended_there(make_scene: MakeScene, tmp_path: Path) -> None:
    """A card that is short of memory as well."""
    path = make_scene(noise(3, 700, 900, dtype="uint16"))
    found = []
    for engine in (Card(8, 3), staying := Staying(2, 3)):
        outputs = Outputs(tmp_path / "slides.gpkg", tmp_path / "probability.tif")
        with open_scene(path, wanted=("r", "g", "b")) as scene:
            run(make_plan(scene, stand_in_card(), scale=(0, 255)), Halving(engine), outputs)
        with rasterio.open(tmp_path / "probability.tif") as src:
            found.append(src.read(1))
    assert (found[0] == found[1]).all()
    assert np.ptp(found[0]) > 200
    assert staying.filled and set(staying.filled) == {(3, 3, 512, 512)}


def engine(precision: str) -> Asked:
    torch.manual_seed(0)
    network = build_network("msasnet", width=8)
    made = TorchEngine(network, mean=(0.4,) * 3, std=(0.2,) * 3, batch_size=2, device="cpu", precision=precision)
    return Asked(made, RANGE)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_the_engine_takes_every_number_type_of_a_file(dtype: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64))
    expected = engine(precision="float32")(pixels.astype(np.uint8))
    assert expected.shape == (2, 64, 64)
    np.testing.assert_array_equal(engine(precision="float32")(pixels.astype(dtype)), expected)


def test_values_outside_the_range_are_clamped() -> None:
    pixels = np.random.default_rng(0).integers(-100, 400, (2, 3, 64, 64)).astype(np.int16)
    run = engine(precision="float32")
    np.testing.assert_array_equal(run(pixels), run(pixels.clip(0, 255)))


def test_bfloat16_is_near_float32() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64)).astype(np.uint8)
    difference = engine(precision="float32")(pixels) - engine(precision="bfloat16")(pixels)
    assert 0 < np.abs(difference).max() < 0.05


@pytest.mark.parametrize("logit", [float("nan"), float("inf"), float("-inf")])
def test_an_infinite_logit_is_no_sure_answer(logit: float) -> None:
    logits = torch.tensor([[0.0, logit, 80.0, -80.0]])
    probability = probability_of(logits)
    assert probability.isfinite().tolist() == [[True, False, True, True]]
    assert torch.equal(probability[:, [0, 2, 3]], torch.sigmoid(logits[:, [0, 2, 3]]))
