"""What other programs get: the same probabilities as torch, and what Deepness asks for."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from landslide_cli import export
from landslide_cli.cli import main
from landslide_cli.engine.openvino_files import import_openvino
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.errors import MissingExtraError, ModelError, OutputError
from landslide_cli.export import TOLERANCE, Exported, export_model
from landslide_cli.export.deepness import deepness_metadata
from landslide_cli.export.formats import FORMATS
from landslide_cli.model.card import ModelCard, read_card
from landslide_cli.model.weights import find_model, load_network, write_weights
from landslide_cli.networks.registry import NETWORKS, build_network
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import noise, write_small_model

NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "pt2": (), "openvino": ("openvino",)}
# 64 pixels leave 4×4 at the bridge, which neither 3 nor 6 bins of the pyramid divide, as 32×32 is not.
SIZE = 64


def have(kind: str) -> None:
    for package in NEEDED[kind]:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it comes with an extra")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("export") / "models")


@pytest.fixture(scope="module", params=FORMATS)
def exported(request: pytest.FixtureRequest, model: Path) -> tuple[str, Exported]:
    """The format's name, and a file of it."""
    have(request.param)
    out = model.with_name(f"out{FORMATS[request.param].endings[0]}")
    return request.param, export_model(model, request.param, out, size=SIZE)


def torch_says(model: Path, pixels: np.ndarray) -> np.ndarray:
    """What the engine of `detect` gives in float32."""
    weights, card = find_model(model)
    engine = TorchEngine(
        load_network(weights, card), value_range=card.value_range, mean=card.mean, std=card.std,
        batch_size=len(pixels), device="cpu", precision="float32",
    )  # fmt: skip
    return engine(pixels)


def test_the_file_says_what_torch_says_for_any_number_of_windows(exported: tuple[str, Exported], model: Path) -> None:
    kind, done = exported
    assert done.model == "small"
    assert done.difference < TOLERANCE
    card = read_card(model.with_suffix(".json"))
    for count in (1, 3):
        pixels = noise(count, 3, SIZE, SIZE, seed=count)
        normalised = (pixels.astype(np.float32) / 255 - np.float32(card.mean[0])) / np.float32(card.std[0])
        found = FORMATS[kind].run(done.path, normalised)
        assert (found.shape, found.dtype) == ((count, 1, SIZE, SIZE), np.float32)
        np.testing.assert_allclose(found[:, 0], torch_says(model, pixels), atol=1e-4)
        assert np.ptp(found) > 1e-3
    assert not list(done.path.parent.glob(".*"))


def test_the_size_counts_what_lies_beside_the_file(exported: tuple[str, Exported], model: Path) -> None:
    kind, done = exported
    files = [done.path.with_suffix(ending) for ending in FORMATS[kind].endings]
    assert done.file_bytes == sum(path.stat().st_size for path in files)
    assert done.file_bytes > 0.9 * model.stat().st_size  # all the numbers are in there


def test_nothing_in_the_file_tells_of_this_machine(exported: tuple[str, Exported]) -> None:
    kind, done = exported
    data = done.path.read_bytes()
    if kind == "pt2":
        with zipfile.ZipFile(done.path) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
    for place in (Path(export.__file__).parent, Path(torch.__file__).parent):
        assert str(place).encode() not in data


def test_the_card_travels_along(exported: tuple[str, Exported], model: Path) -> None:
    kind, done = exported
    if kind == "onnx":
        import onnx

        text = {entry.key: entry.value for entry in onnx.load(done.path).metadata_props}["landslide_card"]
    elif kind == "openvino":
        text = import_openvino().Core().read_model(done.path).get_rt_info(["landslide", "card"]).astype(str)
    else:
        extra = {"card.json": ""}
        torch.export.load(done.path, extra_files=extra)
        text = extra["card.json"]
    entries = json.loads(text)
    assert entries.pop("exported_by").startswith("landslide-cli ")
    assert entries == json.loads(model.with_suffix(".json").read_text())


@pytest.mark.parametrize("exported", ["onnx"], indirect=True)
def test_old_runtimes_can_read_the_onnx(exported: tuple[str, Exported]) -> None:
    import onnx

    _, done = exported
    graph = onnx.load(done.path)
    assert graph.ir_version == 8
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 18)]
    onnx.checker.check_model(graph, full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_every_network_can_be_exported(tmp_path: Path, card: ModelCard, name: str, form: str) -> None:
    have(form)
    torch.manual_seed(0)
    path = tmp_path / "net.safetensors"
    card = replace(card, network=name, sha256=write_weights(build_network(name), path))
    card.write(path.with_suffix(".json"))
    done = export_model(path, form, tmp_path / f"net{FORMATS[form].endings[0]}", size=SIZE)
    assert done.difference < TOLERANCE


def deepness(path: Path, tiles: np.ndarray) -> np.ndarray:
    """What Deepness does with uint8 tiles (N, H, W, C), written anew after its description.

    Divide by 255, standardise by the file's metadata, put channels first, run; class 1 is what isn't below the
    threshold, which the plugin's form holds to two decimals. An output of one channel counts as a sigmoid's.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    batch, bands, height, width = source.shape
    assert source.type == target.type == "tensor(float)"
    assert isinstance(batch, str)  # a name means that any number of tiles is taken
    assert (height, width) == (SIZE, SIZE)  # numbers, not names
    assert target.shape[1:] == [1, height, width]
    metadata = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert metadata["model_type"] == "Segmentor"
    assert [int(key) for key in metadata["class_names"]] == [0, 1]  # in a row, one for each class of a sigmoid
    mean, std = (np.array(metadata[f"standardization_{name}"], dtype=np.float32) for name in ("mean", "std"))
    x = np.float32(tiles[..., :bands] * 1.0 / 255.0)
    x = np.transpose((x - mean) / std, (0, 3, 1, 2))
    (said,) = session.run(None, {source.name: x})
    assert len(mean) == len(std) == bands
    assert metadata["tile_size"] == metadata["tiles_size"] == SIZE
    return ~(said[:, 0] < round(metadata["seg_thresh"], 2))


def test_deepness_sees_what_detect_sees(small_model: Path, tmp_path: Path) -> None:
    have("onnx")
    value_range = (20.0, 220.0)  # the plugin divides by 255 in any case
    pixels = noise(2, 3, SIZE, SIZE).clip(*value_range).astype(np.uint8)
    card = replace(
        read_card(small_model.with_suffix(".json")), value_range=value_range, mean=(0.3, 0.4, 0.5), std=(0.1, 0.2, 0.3)
    )
    card.write(small_model.with_suffix(".json"))
    expected = torch_says(small_model, pixels)
    threshold = round(float(np.median(expected)), 2)
    replace(card, threshold=threshold).write(small_model.with_suffix(".json"))
    export_model(small_model, "onnx", tmp_path / "out.onnx", size=SIZE)
    found = deepness(tmp_path / "out.onnx", pixels.transpose(0, 2, 3, 1))
    clear = np.abs(expected - threshold) > 1e-5
    assert clear.mean() > 0.9
    assert 0.05 < (expected >= threshold).mean() < 0.95
    assert (found == (expected >= threshold))[clear].all()


def test_the_metadata_of_deepness(card: ModelCard) -> None:
    card = replace(card, resolution_m=(0.5, 2.0), threshold=0.4)
    metadata = {key: json.loads(value) for key, value in deepness_metadata(card, size=512, overlap=128).items()}
    assert metadata["resolution"] == 50.0  # cm per pixel
    assert metadata["tiles_overlap"] == 25  # percent
    assert metadata["class_names"] == {"0": "background", "1": "landslide"}
    assert metadata["standardization_mean"] == pytest.approx(card.mean)
    assert metadata["standardization_std"] == pytest.approx(card.std)
    assert (metadata["seg_thresh"], metadata["seg_small_segment"]) == (0.4, 0)
    for name in ("tiles_size", "tile_size", "tiles_overlap", "seg_small_segment"):
        assert isinstance(metadata[name], int)


@pytest.mark.parametrize("resolution_m", [(4.0, 6.0), (1.23, 1.85)])
def test_deepness_shows_a_finer_scene_at_the_resolution_of_detect(
    card: ModelCard, make_scene: Callable[..., Path], resolution_m: tuple[float, float]
) -> None:
    card = replace(card, resolution_m=resolution_m)
    with open_scene(make_scene(noise(3, 64, 64)), wanted=card.bands) as scene:
        working_m = make_plan(scene, card).working_m
    metadata = deepness_metadata(card, size=512, overlap=128)
    assert working_m == json.loads(metadata["resolution"]) / 100


@pytest.mark.parametrize("error", [0.01, np.nan])
def test_a_file_that_differs_is_not_written(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: float
) -> None:
    form = FORMATS["pt2"]
    wrong = replace(form, run=lambda path, pixels: form.run(path, pixels) + np.float32(error))
    monkeypatch.setitem(FORMATS, "pt2", wrong)
    with pytest.raises(ModelError, match=r"out\.pt2 was not written: its probabilities differ from torch's by"):
        export_model(small_model, "pt2", tmp_path / "out.pt2", size=SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_batch_that_is_written_into_the_graph_is_found_out(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check runs one window through a graph that was traced with two."""

    def frozen(network: torch.nn.Module, *, bands: int, size: int) -> Any:
        return torch.export.export(network, (torch.zeros(2, bands, size, size),))

    monkeypatch.setattr(export, "traced", frozen)
    with pytest.raises(RuntimeError, match="to be equal to 2, but got 1"):
        export_model(small_model, "pt2", tmp_path / "out.pt2", size=SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_names_that_are_refused(small_model: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"out\.onnx: a file of format openvino ends in \.xml"):
        export_model(small_model, "openvino", tmp_path / "out.onnx")
    (tmp_path / "out.bin").write_text("mine")
    with pytest.raises(OutputError, match=r"out\.bin exists; choose another name or allow it with --overwrite"):
        export_model(small_model, "openvino", tmp_path / "out.xml")
    assert (tmp_path / "out.bin").read_text() == "mine"


@pytest.mark.parametrize(("form", "extra"), [("onnx", "export"), ("openvino", "openvino")])
def test_a_missing_extra_is_told_about(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, extra: str
) -> None:
    monkeypatch.setattr("landslide_cli.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"not installed.*pip install 'landslide-cli\[{extra}\]'"):
        export_model(small_model, form, tmp_path / f"out{FORMATS[form].endings[0]}", size=SIZE)


def test_openvino_reports_nothing_to_its_makers() -> None:
    have("openvino")
    import_openvino()
    assert sys.modules["openvino_telemetry"] is None


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Run `landslide export`; give the one line on stderr. Nothing may have been written."""

    def run(*arguments: object, status: int = 1) -> str:
        before = sorted(tmp_path.rglob("*"))
        result = CliRunner().invoke(main, ["export", *map(str, arguments)])
        assert result.exit_code == status, result.output
        assert sorted(tmp_path.rglob("*")) == before
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        return line

    return run


def test_refusals_of_the_command_line(refused: Callable[..., str], small_model: Path, tmp_path: Path) -> None:
    assert "no model 'nothing'" in refused("nothing", "-o", tmp_path / "a.onnx")
    assert "ends in .pt2; name it so" in refused(small_model, "--format", "pt2", "-o", tmp_path / "a.onnx")
    (tmp_path / "a.onnx").write_text("mine")
    assert "a.onnx exists; choose another name" in refused(small_model, "-o", tmp_path / "a.onnx")
    assert "Invalid value for '--format'" in refused(small_model, "--format", "tflite", status=2)
    small_model.write_bytes(small_model.read_bytes()[:-1] + b"x")
    assert "is not the" in refused(small_model, "-o", tmp_path / "b.onnx")


def test_the_command_line_writes_a_file_of_512_pixels(small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.pt2"
    result = CliRunner().invoke(main, ["export", str(small_model), "--format", "pt2", "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.stdout.startswith(f"{path}: small as pt2, ")
    pixels = np.zeros((1, 3, 512, 512), dtype=np.float32)
    assert FORMATS["pt2"].run(path, pixels).shape == (1, 1, 512, 512)
    assert path.stat().st_size < 3e6  # the numbers alone
