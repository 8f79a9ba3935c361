"""Converted weights are kept, and damaged ones converted again."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from landslide_cli.engine.choice import find_openvino_model
from landslide_cli.errors import ModelError
from landslide_cli.model.card import ModelCard
from landslide_cli.model.weights import find_model
from tests.engine.conftest import have


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
