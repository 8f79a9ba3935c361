"""What other programs get: the same probabilities as torch."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landslide_cli import export
from landslide_cli.engine.openvino_files import import_openvino
from landslide_cli.export import TOLERANCE, Exported, export_model
from landslide_cli.export.formats import FORMATS
from landslide_cli.model.card import ModelCard, read_card
from landslide_cli.model.weights import write_weights
from landslide_cli.networks.registry import NETWORKS, build_network
from tests.conftest import noise
from tests.export.conftest import SIDE, need_format, torch_says


@pytest.fixture(scope="module", params=FORMATS)
def exported(request: pytest.FixtureRequest, small: Path) -> tuple[str, Exported]:
    """The format's name, and a file of it."""
    need_format(request.param)
    out = small.with_name(f"out{FORMATS[request.param].endings[0]}")
    return request.param, export_model(small, request.param, out, size=SIDE)


def test_the_file_says_what_torch_says_for_any_number_of_windows(exported: tuple[str, Exported], small: Path) -> None:
    kind, done = exported
    assert done.model == "small"
    assert done.difference < TOLERANCE
    card = read_card(small.with_suffix(".json"))
    for count in (1, 3):
        pixels = noise(count, 3, SIDE, SIDE, seed=count)
        normalised = (pixels.astype(np.float32) / 255 - np.float32(card.mean[0])) / np.float32(card.std[0])
        found = FORMATS[kind].run(done.path, normalised)
        assert (found.shape, found.dtype) == ((count, 1, SIDE, SIDE), np.float32)
        np.testing.assert_allclose(found[:, 0], torch_says(small, pixels), atol=1e-4)
        assert np.ptp(found) > 1e-3
    assert not list(done.path.parent.glob(".*"))


def test_the_size_counts_what_lies_beside_the_file(exported: tuple[str, Exported], small: Path) -> None:
    kind, done = exported
    files = [done.path.with_suffix(ending) for ending in FORMATS[kind].endings]
    assert done.file_bytes == sum(path.stat().st_size for path in files)
    assert done.file_bytes > 0.9 * small.stat().st_size  # all the numbers are in there


def test_nothing_in_the_file_tells_of_this_machine(exported: tuple[str, Exported]) -> None:
    kind, done = exported
    data = done.path.read_bytes()
    if kind == "pt2":
        with zipfile.ZipFile(done.path) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
    for place in (Path(export.__file__).parent, Path(torch.__file__).parent):
        assert str(place).encode() not in data


def test_the_card_travels_along(exported: tuple[str, Exported], small: Path) -> None:
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
    assert entries == json.loads(small.with_suffix(".json").read_text())


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
    need_format(form)
    torch.manual_seed(0)
    path = tmp_path / "net.safetensors"
    card = replace(card, network=name, sha256=write_weights(build_network(name), path))
    card.write(path.with_suffix(".json"))
    done = export_model(path, form, tmp_path / f"net{FORMATS[form].endings[0]}", size=SIDE)
    assert done.difference < TOLERANCE
