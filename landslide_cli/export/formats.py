"""The kinds of file that a model is exported to: how each is written, and run for the check."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from landslide_cli.engine.openvino_files import INPUT, OUTPUT, convert, run_openvino, save
from landslide_cli.export.deepness import deepness_metadata
from landslide_cli.model.card import ModelCard, card_text
from landslide_cli.prediction.plan import SIZE
from landslide_cli.tiling.grid import DEFAULT_OVERLAP
from landslide_cli.typing import Float32

if TYPE_CHECKING:
    from torch.export import ExportedProgram

OPSET = 18
# Enough for opset 18. torch writes 10, which the older onnxruntime of many a QGIS refuses to load.
IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of file is written, and run for the check.

    Attributes:
        endings: Of the file itself and of what is written beside it.
        needs: The extra, and the packages of it.
        write: Writes a traced network.
        run: Gives the file's probabilities of normalised pixels.
        any_size: Whether windows may be of any size whose sides divide by 32.
    """

    endings: tuple[str, ...]
    needs: tuple[str, ...]
    write: Callable[[ExportedProgram, ModelCard, Path], None]
    run: Callable[[Path, Float32], Float32]
    any_size: bool = False


def write_onnx(program: ExportedProgram, card: ModelCard, path: Path) -> None:
    """Write ONNX with the metadata that Deepness reads."""
    import onnx

    exported = torch.onnx.export(
        program, dynamo=True, opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT], verbose=False
    )
    assert exported is not None
    model = exported.model_proto
    model.ir_version = IR_VERSION
    graph = model.graph
    for node in graph.node:
        node.ClearField("metadata_props")  # younger than this version, and full of this machine's paths
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]  # names the batch otherwise
    size = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    metadata = deepness_metadata(card, size=size, overlap=DEFAULT_OVERLAP * size // SIZE)
    onnx.helper.set_model_props(model, metadata | {"landslide_card": card_text(card)})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def run_onnx(path: Path, pixels: Float32) -> Float32:
    """Run an ONNX file on the CPU: ``(N, bands, H, W)`` to ``(N, 1, H, W)``."""
    # From 1.31 on it asks a server, and keeps an identity beside temporary files; it reads this as it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: pixels})[0]


def write_openvino(program: ExportedProgram, card: ModelCard, path: Path) -> None:
    """Write OpenVINO's pair of files: the graph as .xml, the numbers as .bin."""
    save(convert(program), card, path)


def write_pt2(program: ExportedProgram, card: ModelCard, path: Path) -> None:
    """Write torch's own format; the card is its extra file ``card.json``."""
    program.example_inputs = None  # several megabytes of zeros
    torch.export.save(program, path, extra_files={"card.json": card_text(card)})


def run_pt2(path: Path, pixels: Float32) -> Float32:
    """Run a .pt2 file: ``(N, bands, H, W)`` to ``(N, 1, H, W)``."""
    with torch.inference_mode():
        return torch.export.load(path).module()(torch.from_numpy(pixels)).numpy()


FORMATS = {
    "onnx": Format((".onnx",), ("export", "onnx", "onnxscript", "onnxruntime"), write_onnx, run_onnx),
    "pt2": Format((".pt2",), (), write_pt2, run_pt2),
    "openvino": Format((".xml", ".bin"), ("openvino", "openvino"), write_openvino, run_openvino, any_size=True),
}
