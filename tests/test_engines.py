"""Every engine gives the same answer, and the one asked for (or the fastest) is the one that runs."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

import landslide_cli
from landslide_cli.cli import main
from landslide_cli.demo import write_demo_scene
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.engine import choice, compiling, kept
from landslide_cli.engine.batch_size import LARGEST, Halving, choose_batch_size
from landslide_cli.engine.choice import choose_engine, find_openvino_model, int8_path, open_engine
from landslide_cli.engine.compiling import Compiled
from landslide_cli.engine.folding import folded
from landslide_cli.engine.kept import KeptEngine
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.errors import DeviceError, MissingExtraError, ModelError
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.networks.registry import NETWORKS, build_network
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import StandIn, noise, stand_in_card, write_chip, write_small_model

MakeScene = Callable[..., Path]
SIZE = 64
# How far apart probabilities may be from those of torch in float32; docs/performance.md says where they were.
BOUNDS = {"float32": 1e-3, "bfloat16": 0.05, "int8": 0.2}


def have(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it comes with an extra")


def opened(model: Path | str, **settings: Any) -> Any:
    weights, card = find_model(model)
    defaults = {"value_range": card.value_range, "size": SIZE, "device": "cpu", "engine": "torch"}
    return open_engine(weights, card, **defaults | settings)


# ---- the same answer ----


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_changes_no_logit(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after a training
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    network.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected, found = network(x), folded(network)(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    # Only resunet-obia has batch norms that stand before their convolution.
    left = sum(isinstance(module, nn.BatchNorm2d) for module in folded(network).modules())
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert left == 0 if name not in ("drs-unet", "resunet-obia") else left < norms
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (96, 32)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float64"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_openvino_says_what_torch_says(small_model: Path, shape: tuple[int, int], dtype: str, precision: str) -> None:
    """Clamping and normalisation are part of it."""
    have("openvino", "platformdirs")
    pixels = noise(2, 3, *shape, dtype=dtype)
    settings: dict[str, Any] = {"value_range": (30, 200), "batch_size": 2}
    expected = opened(small_model, precision="float32", **settings)(pixels)
    found = opened(small_model, engine="openvino", precision=precision, **settings)(pixels)
    assert (found.shape, found.dtype) == ((2, *shape), np.float32)
    assert np.abs(found - expected).max() < (1e-5 if precision == "float32" else 0.01)
    assert np.ptp(expected) > 1e-3


def test_engines_take_windows_of_another_size(small_model: Path) -> None:
    have("openvino", "platformdirs")
    engines = [opened(small_model, engine=name, precision="float32") for name in ("torch", "openvino")]
    for size in (96, 64, 128, 96):
        one, other = (engine(noise(1, 3, size, size)) for engine in engines)
        np.testing.assert_allclose(other, one, atol=1e-5)


@pytest.fixture(scope="module")
def of_torch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small synthetic scene and what torch finds there in float32."""
    folder = tmp_path_factory.mktemp("engines")
    write_demo_scene(folder / "demo.tif", folder / "truth.gpkg", size=224)
    return folder / "demo.tif", run_on(folder / "demo.tif", folder, engine="torch", precision="float32")


def run_on(scene: Path, folder: Path, **settings: Any) -> Path:
    name = "-".join(settings.values())
    landslide_cli.detect(
        scene, folder / f"{name}.gpkg", probability=folder / f"{name}.tif", device="cpu", resolution=1.0, **settings
    )
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
    assert np.ptp(one) > 100
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


# ---- memory ----


class Card(StandIn):
    """A card on which so many windows at once are too many."""

    def __init__(self, most: int, batch_size: int) -> None:
        super().__init__(lambda pixels: pixels[:, 0] / 254, batch_size)
        self.most = most
        self.asked: list[int] = []

    def __call__(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        self.asked.append(len(pixels))
        if len(pixels) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.function(pixels).astype(np.float32)


@given(most=st.integers(1, 20), batch_size=st.integers(1, 20), batches=st.integers(1, 3))
def test_a_shortage_of_memory_changes_no_probability(most: int, batch_size: int, batches: int) -> None:
    card, plenty = Card(most, batch_size), Card(99, batch_size)
    halving = Halving(card)
    for number in range(batches):
        pixels = noise(batch_size, 3, 4, 4, seed=number)
        np.testing.assert_array_equal(halving(pixels), plenty(pixels))
    # Once halved it stays so: each size that failed was tried once.
    failed = [size for size in card.asked if size > most]
    assert len(failed) == len(set(failed))
    assert halving.batch_size == batch_size


class Staying(Card):
    """A card that leaves its answers where they are, as `TorchEngine` does on one."""

    def __init__(self, most: int, batch_size: int) -> None:
        super().__init__(most, batch_size)
        self.filled: list[tuple[int, ...]] = []

    def stay(self) -> Staying:
        return self

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        self.filled.append(shape)
        return np.zeros(shape, dtype)

    def __call__(self, pixels: NDArray[Any]) -> Any:
        return torch.from_numpy(super().__call__(pixels))


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


def test_halving_is_told_and_a_single_window_that_does_not_fit_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Halving(Card(2, 8))(noise(8, 3, 4, 4))
    assert [record.message for record in caplog.records] == [
        "memory of cpu is out; asked again, and from now on, about 4 windows at once",
        "memory of cpu is out; asked again, and from now on, about 2 windows at once",
    ]
    with pytest.raises(torch.OutOfMemoryError):
        Halving(Card(0, 2))(noise(2, 3, 4, 4))


@given(
    overhead=st.floats(0, 10), window=st.floats(0.01, 1), room=st.integers(1, 200), most=st.integers(1, 200),
    known=st.booleans(),
)  # fmt: skip
def test_the_batch_grows_while_it_fits_and_pays(
    overhead: float, window: float, room: int, most: int, known: bool
) -> None:
    """Whether the shortage is known before or shows only when it's tried."""

    def seconds(windows: int) -> float:
        if windows > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return overhead + windows * window

    chosen = choose_batch_size(seconds, lambda windows: windows <= room or not known, most=most)
    assert chosen in (1, 2, 4, 8, 16, 32, 64)
    assert chosen <= max(1, min(room, most, LARGEST))
    rates = {n: n / (overhead + n * window) for n in (chosen // 2, chosen, 2 * chosen) if n}
    assert rates[chosen] >= 1.05 * rates.get(chosen // 2, 0)
    if 2 * chosen <= min(room, most, LARGEST):
        assert rates[2 * chosen] < 1.05 * rates[chosen]


def test_the_cpu_gets_one_window_at_a_time_and_the_user_what_he_asks_for(small_model: Path) -> None:
    assert opened(small_model).batch_size == 1
    assert opened(small_model, batch_size=3).batch_size == 3


# ---- compiling ----


def compiled_engine(model: Path) -> TorchEngine:
    weights, card = find_model(model)
    return TorchEngine(
        load_network(weights, card), value_range=card.value_range, mean=card.mean, std=card.std,
        device="cpu", precision="float32", compiled=True,
    )  # fmt: skip


def test_a_network_that_cannot_be_compiled_runs_as_it_is(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", lambda network, **options: no_compiler)
    caplog.set_level(logging.INFO)
    pixels = noise(1, 3, SIZE, SIZE)
    engine = compiled_engine(small_model)
    expected = opened(small_model, precision="float32")(pixels)
    np.testing.assert_array_equal(engine(pixels), expected)
    np.testing.assert_array_equal(engine(pixels), expected)
    (line,) = [record.message for record in caplog.records]
    assert line == (
        "torch.compile failed (InvalidCxxCompiler: No working C++ compiler found); the network runs uncompiled"
    )


@pytest.mark.slow
def test_a_compiled_network_says_the_same(small_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="landslide_cli")
    pixels = noise(1, 3, SIZE, SIZE)
    found = compiled_engine(small_model)(pixels)
    if caplog.records:
        pytest.skip(caplog.records[0].message)
    np.testing.assert_allclose(found, opened(small_model, precision="float32")(pixels), atol=1e-5)


def test_only_long_runs_are_compiled(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "compile", lambda network, **options: asked.append(1) or network)
    least = compiling.from_windows()
    opened(small_model, windows=least - 1)
    assert not asked
    opened(small_model, windows=least)
    assert asked


# ---- the choice ----

SAFETENSORS, XML = Path("m.safetensors"), Path("m.xml")


def choose(engine: str = "auto", device: str = "auto", precision: str = "auto", weights: Path = SAFETENSORS) -> str:
    return choose_engine(engine, device=device, precision=precision, weights=weights)


def test_auto_takes_openvino_on_the_cpu_and_torch_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda name: object())
    monkeypatch.setattr(choice, "_has_accelerator", lambda: False)
    assert choose() == "openvino"
    assert caplog.messages == ["engine: openvino (the fastest on the CPU; --engine)"]
    assert choose(device="cuda:1") == choose(precision="float16") == choose("torch", precision="int8") == "torch"
    assert choose(precision="int8") == choose(weights=XML) == choose("openvino") == "openvino"
    monkeypatch.setattr(choice, "_has_accelerator", lambda: True)
    assert choose() == "torch"
    assert choose(device="cpu") == "openvino"


def test_auto_without_openvino_takes_torch_and_tells_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda name: None)
    monkeypatch.setattr(choice, "_has_accelerator", lambda: False)
    assert choose() == "torch"
    assert "OpenVINO is faster on the CPU: pip install 'landslide-cli[openvino]'" in caplog.text
    with pytest.raises(MissingExtraError, match=r"--engine openvino needs .* pip install 'landslide-cli\[openvino\]'"):
        choose("openvino")
    with pytest.raises(MissingExtraError, match=r"--precision int8 needs"):
        choose(precision="int8")
    with pytest.raises(MissingExtraError, match=r"m\.xml needs"):
        choose(weights=XML)


@pytest.mark.parametrize(
    ("version", "could"), [("cuda = None\nhip = None", False), ("cuda = '13.0'", None), ("hip = '7.0'", True)]
)
def test_the_build_of_torch_tells_whether_it_could_see_a_card(tmp_path: Path, version: str, could: bool | None) -> None:
    (tmp_path / "version.py").write_text(version)
    found = choice._could_have_one(tmp_path / "__init__.py")
    if sys.platform != "darwin" and could is not None:  # with CUDA it depends on the driver
        assert found is could


@pytest.fixture
def refused(tmp_path: Path, make_scene: MakeScene, small_model: Path) -> Callable[..., str]:
    """Run `landslide detect`; give the one line on stderr. Nothing may have been written."""
    scene = make_scene(noise(3, SIZE, SIZE))

    def run(*arguments: object, model: Path = small_model) -> str:
        command = ["detect", scene, "-o", tmp_path / "a.gpkg", "--model", model, *arguments]
        result = CliRunner().invoke(main, list(map(str, command)))
        assert result.exit_code == 1, result.output
        assert not (tmp_path / "a.gpkg").exists()
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        return line

    return run


def test_what_does_not_go_together_is_refused(refused: Callable[..., str], small_model: Path) -> None:
    assert "int8 is not for torch; use --engine openvino" in refused("--engine", "torch", "--precision", "int8")
    assert "float16 is not for the CPU; use --precision bfloat16" in refused(
        "--engine", "torch", "--device", "cpu", "--precision", "float16"
    )
    have("openvino", "platformdirs")
    assert "--engine openvino runs on the CPU; leave --device cuda out" in refused(
        "--engine", "openvino", "--device", "cuda"
    )
    assert "float16 is not for OpenVINO on the CPU; use --precision bfloat16 or float32" in refused(
        "--engine", "openvino", "--precision", "float16"
    )
    line = refused("--precision", "int8")
    assert f"small has no int8 model ({int8_path(small_model)}); make it of chips: landslide export small" in line
    assert "--format openvino --int8 --chips FOLDER" in line


# ---- OpenVINO's files ----


@pytest.fixture(scope="module")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    have("openvino", "platformdirs")
    model = write_small_model(tmp_path_factory.mktemp("export") / "models")
    out = model.with_name("exported.xml")
    result = CliRunner().invoke(main, ["export", str(model), "--format", "openvino", "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def exported(exported_once: Path, small_model: Path) -> Path:
    """An OpenVINO model beside the weights that it was made of."""
    for ending in (".bin", ".xml"):
        shutil.copy(exported_once.with_suffix(ending), small_model.with_name(f"exported{ending}"))
    return small_model.with_name("exported.xml")


def test_an_exported_model_runs_without_its_weights(
    exported: Path, small_model: Path, make_scene: MakeScene, tmp_path: Path
) -> None:
    pixels = noise(1, 3, SIZE, SIZE)
    expected = opened(small_model, precision="float32")(pixels)
    found = opened(exported, engine="auto", precision="float32")(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    small_model.unlink()
    command = ["detect", make_scene(pixels[0]), "-o", tmp_path / "a.gpkg", "--model", exported, "--json"]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["model"], summary["engine"], summary["device"]) == ("small", "openvino", "cpu")


def test_an_exported_model_that_cannot_be_used(exported: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    line = refused("--engine", "torch", model=exported)
    assert "exported.xml is an OpenVINO model; name the .safetensors file of small for torch" in line
    assert "exported.xml is a float32 model; landslide export --int8" in refused("--precision", "int8", model=exported)
    numbers = exported.with_suffix(".bin")
    numbers.write_bytes(numbers.read_bytes()[:-1] + b"x")
    assert "exported.bin is damaged or belongs to another .xml: export the model again" in refused(model=exported)
    numbers.unlink()
    assert "exported.bin is missing; it belongs beside exported.xml" in refused(model=exported)
    assert "no model" in refused(model=tmp_path / "nothing.xml")
    (tmp_path / "other.xml").write_text("<net/>")
    assert "other.xml tells nothing of its model; write it with landslide export" in refused(
        model=tmp_path / "other.xml"
    )
    (tmp_path / "text.xml").write_text("hello")
    assert "text.xml is not an OpenVINO model" in refused(model=tmp_path / "text.xml")


def test_weights_are_converted_once_and_again_if_the_file_is_damaged(
    exported: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def convert(weights: Path, card: ModelCard, place: Path) -> None:
        for ending in (".bin", ".xml"):
            shutil.copy(exported.with_suffix(ending), place.with_suffix(ending))

    monkeypatch.setattr("landslide_cli.engine.openvino_files.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("landslide_cli.engine.openvino_files._convert", convert)
    caplog.set_level(logging.INFO)
    weights, card = find_model(small_model)
    model = find_openvino_model(weights, card, "auto")
    assert model.path.parent == tmp_path / "cache"
    first = model.path.stat().st_mtime_ns
    assert find_openvino_model(weights, card, "float32").path.stat().st_mtime_ns == first
    model.path.with_suffix(".bin").write_bytes(b"")
    assert find_openvino_model(weights, card, "auto").path.with_suffix(".bin").stat().st_size > 0
    assert [record.message.split(",")[0] for record in caplog.records] == ["converting small for OpenVINO"] * 2
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="the file is damaged or belongs to another card"):
        find_openvino_model(weights, card, "auto")


def test_a_cache_that_cannot_be_written_is_told(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    message = refused("--engine", "openvino")
    assert "the folder for converted models can't be made" in message
    assert message.endswith("or use --engine torch")


def test_a_conversion_that_differs_is_not_kept(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have("openvino", "platformdirs")
    from landslide_cli.engine import openvino_files

    monkeypatch.setattr(openvino_files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(openvino_files, "run_openvino", lambda path, pixels: np.float32("nan"))
    with pytest.raises(ModelError, match=r"small can't be run by OpenVINO .* use --engine torch"):
        find_openvino_model(*find_model(small_model), "auto")
    assert not list((tmp_path / "cache").iterdir())


def test_int8_is_taken_by_itself_only_if_it_is_known_to_cost_little(exported: Path, small_model: Path) -> None:
    """An exported model stands in for a quantized one: what is told of it decides."""
    from landslide_cli.engine.openvino_files import import_openvino, save

    weights, card = find_model(small_model)
    graph = import_openvino().Core().read_model(exported)
    for loss, sha256, taken in (
        (0.004, card.sha256, True),
        (-0.01, card.sha256, True),
        (0.006, card.sha256, False),
        (None, card.sha256, False),
        (0.004, "0" * 64, False),
    ):
        again = graph.clone()
        save(again, replace(card, sha256=sha256), int8_path(weights), precision="int8", f1_loss=loss)
        model = find_openvino_model(weights, card, "auto")
        assert (model.precision == "int8") is taken, (loss, sha256)
        assert find_openvino_model(weights, card, "float32").precision == "float32"
    with pytest.raises(ModelError, match="small has no int8 model"):  # it is of other weights
        find_openvino_model(weights, card, "int8")


def test_torch_is_not_imported_where_openvino_runs(small_model: Path, make_scene: MakeScene, tmp_path: Path) -> None:
    have("openvino", "platformdirs")
    find_openvino_model(*find_model(small_model), "auto")
    arguments = ["detect", str(make_scene(noise(3, SIZE, SIZE))), "-o", str(tmp_path / "a.gpkg")]
    arguments += ["--model", str(small_model), "--engine", "openvino"]
    code = (
        "import sys\nfrom landslide_cli.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "small by openvino on cpu" in done.stderr


# ---- int8 ----


@pytest.fixture
def trained_model(small_model: Path) -> Path:
    card_path = small_model.with_suffix(".json")
    entries = json.loads(card_path.read_text())
    entries["training"] = {"validation_groups": ["b"], "test_groups": ["c"]}
    card_path.write_text(json.dumps(entries))
    return small_model


def quantize(model: Path, out: Path, *chips: Path, status: int = 0) -> str:
    command = ["export", model, "--format", "openvino", "--int8", "--pixel-size", "1", "-o", out]
    for folder in chips:
        command += ["--chips", folder]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def test_a_model_is_quantized_by_chips_and_judged_on_others(trained_model: Path, data: Path) -> None:
    have("openvino", "platformdirs", "nncf")
    out = int8_path(trained_model)
    said = quantize(trained_model, out, data / "slides", data / "others")
    # Groups a, b and c hold four chips each: a quantizes, b judges, c isn't looked at.
    assert said.startswith(f"{out}: small in int8, quantized by 4 windows; F1 ")
    assert "on 4 validation chips, float32 " in said
    assert len(said.splitlines()) == 1
    assert not list(out.parent.glob(".*"))
    pixels = noise(1, 3, SIZE, SIZE)
    engine = opened(trained_model, engine="auto", precision="int8")
    assert (engine.name, engine.precision) == ("openvino", "int8")
    apart = np.abs(engine(pixels) - opened(trained_model, precision="float32")(pixels)).max()
    assert 0 < apart < BOUNDS["int8"]
    with pytest.raises(DeviceError, match="is an int8 model; leave --precision float32 out, or name the weights"):
        opened(out, engine="openvino", precision="float32")


def test_chips_that_do_not_do_for_int8(trained_model: Path, data: Path, tmp_path: Path) -> None:
    have("openvino", "platformdirs", "nncf")
    write_chip(tmp_path / "held" / "slides", "only")
    (tmp_path / "held" / "groups.csv").write_text("stem,group\nonly,b\n")
    line = quantize(trained_model, tmp_path / "a.xml", tmp_path / "held" / "slides", status=1)
    assert "all chips are of validation or test groups; int8 needs chips of other groups as well" in line
    assert "a.onnx: a file of format openvino ends in .xml" in quantize(
        trained_model, tmp_path / "a.onnx", data / "slides", status=1
    )


def test_int8_without_nncf_tells_what_to_install(
    small_model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda name: None if name == "nncf" else object())
    line = quantize(small_model, tmp_path / "a.xml", data / "slides", status=1)
    assert "--int8 needs the package nncf, not installed: pip install 'landslide-cli[quantize]'" in line


def test_int8_needs_openvino_and_chips(small_model: Path) -> None:
    for arguments in (["--int8"], ["--int8", "--format", "openvino"]):
        result = CliRunner().invoke(main, ["export", str(small_model), *arguments])
        assert result.exit_code == 2
        assert "--int8 needs --format openvino and --chips FOLDER" in result.stderr
    result = CliRunner().invoke(main, ["export", str(small_model), "--chips", "."])
    assert result.exit_code == 2
    assert "--chips and --pixel-size need --int8" in result.stderr


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_kept_engine_says_what_a_new_one_says(
    small_model: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "openvino":
        have("openvino", "platformdirs")
    _, card = find_model(small_model)
    loads: list[str] = []
    monkeypatch.setattr(kept, "open_engine", lambda **words: loads.append("load") or open_engine(**words))
    keeper = KeptEngine()
    words: dict[str, Any] = {
        "weights": small_model, "card": card, "engine": engine, "device": "cpu", "precision": "float32",
        "batch_size": None, "windows": 1,
    }  # fmt: skip
    for value_range, size in (((0, 255), SIZE), ((30, 200), SIZE), ((0, 255), 2 * SIZE), ((0, 255), SIZE)):
        pixels = noise(1, 3, size, size)
        here = {**words, "value_range": value_range, "size": size}
        assert np.array_equal(keeper(**here)(pixels), open_engine(**here)(pixels))
    assert loads == ["load"]
    keeper(**{**words, "value_range": (0, 255), "size": SIZE, "precision": "bfloat16"})
    assert loads == ["load"] * 2
    if engine == "torch":
        compiled = keeper(**{**words, "value_range": (0, 255), "size": SIZE, "windows": 10**6})
        assert isinstance(compiled._engine._network, Compiled)
