"""What is refused, and a file that differs from the network isn't written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landslide_cli import export
from landslide_cli.errors import MissingExtraError, ModelError, OutputError
from landslide_cli.export import export_model
from landslide_cli.export.formats import FORMATS
from tests.export.conftest import SIDE, need_format


@pytest.mark.parametrize("error", [0.01, np.nan])
def test_a_file_that_differs_is_not_written(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: float
) -> None:
    form = FORMATS["pt2"]
    wrong = replace(form, run=lambda path, pixels: form.run(path, pixels) + np.float32(error))
    monkeypatch.setitem(FORMATS, "pt2", wrong)
    with pytest.raises(ModelError, match=r"out\.pt2 was not written: its probabilities differ from torch's by"):
        export_model(small_model, "pt2", tmp_path / "out.pt2", size=SIDE)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_batch_that_is_written_into_the_graph_is_found_out(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check runs one window through a graph that was traced with two."""

    def frozen(network: torch.nn.Module, *, bands: int, size: int) -> Any:
        return torch.export.export(network, (torch.zeros(2, bands, size, size),))

    monkeypatch.setattr(export, "traced", frozen)
    with pytest.raises(RuntimeError, match="to be equal to 2, but got 1"):
        export_model(small_model, "pt2", tmp_path / "out.pt2", size=SIDE)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_an_ending_of_another_format_is_refused(small_model: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"out\.onnx: a file of format openvino ends in \.xml"):
        export_model(small_model, "openvino", tmp_path / "out.onnx")


def test_the_second_file_of_a_format_is_not_replaced(small_model: Path, tmp_path: Path) -> None:
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
        export_model(small_model, form, tmp_path / f"out{FORMATS[form].endings[0]}", size=SIDE)


REPORTS = """
import sys, types
class Telemetry:
    def __init__(self, *given, **more): pass
    def send_event(self, *given, **more): print("reported")
made, backend = types.ModuleType("openvino_telemetry"), types.ModuleType("openvino_telemetry.backend")
made.Telemetry, made.backend, backend.backend_ga4 = Telemetry, backend, None
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "openvino_telemetry":
            import importlib.machinery
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec): return made if spec.name == "openvino_telemetry" else backend
    def exec_module(self, module): pass
sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize(
    ("how", "reported"),
    [("from landslide_cli.engine.openvino_files import import_openvino; import_openvino()", False),
     ("import openvino", True)],
    ids=["ours", "theirs"],
)  # fmt: skip
def test_openvino_reports_nothing_to_its_makers(how: str, reported: bool) -> None:
    """A stand-in for the package by which it reports says so when it is asked to; imported without us, it is."""
    need_format("openvino")
    code = f"{REPORTS}\n{how}\nimport openvino.tools.ovc"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("reported" in done.stdout) is reported
