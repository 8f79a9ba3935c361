"""The engine asked for, or the fastest, is the one that runs; what isn't there is refused."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landslide_cli.engine import choice
from landslide_cli.engine.choice import choose_engine, decide, find_openvino_model, int8_path
from landslide_cli.errors import MissingExtraError, ModelError
from landslide_cli.model.weights import find_model
from tests.conftest import noise
from tests.engine.conftest import SIZE, have

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


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_an_engine_says_of_the_next_scene_what_a_new_one_says(small_model: Path, name: str) -> None:
    """Whatever stretch and window the scenes have."""
    if name == "openvino":
        have("openvino", "platformdirs")
    weights, card = find_model(small_model)
    choice = decide(weights, card, engine=name, device="cpu", precision="float32")
    assert (choice.engine, choice.device, choice.precision) == (name, "cpu", "float32")
    engine = choice.open()
    for value_range, size in (((0, 255), SIZE), ((30, 200), SIZE), ((0, 255), 2 * SIZE), ((0, 255), SIZE)):
        pixels = noise(1, 3, size, size)
        engine.prepare(size, 1)
        anew = choice.open()
        anew.prepare(size, 1)
        assert np.array_equal(engine(pixels, value_range), anew(pixels, value_range))
