"""int8: quantized by some chips, judged by others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.engine.choice import int8_path
from landslide_cli.errors import DeviceError
from tests.conftest import noise, write_chip
from tests.engine.conftest import BOUNDS, SIZE, have, largest_weight, opened


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
    assert (engine.engine.name, engine.engine.precision) == ("openvino", "int8")
    apart = np.abs(engine(pixels) - opened(trained_model, precision="float32")(pixels)).max()
    assert 0 < apart < BOUNDS["int8"]
    # Two products of 64 and what is at most 255 fit into 16 bits, in which CPUs without VNNI add them.
    assert largest_weight(out) <= 64
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
