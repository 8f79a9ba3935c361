"""A model as one file for other programs, checked against torch before it gets its name.

All formats hold the same: normalised float32 pixels ``(N, bands, 512, 512)`` in, probabilities ``(N, 1, 512, 512)``
out, for any N. Height and width are fixed: pyramid pooling covers the whole window, and `detect` shows such windows.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landslide_cli import __version__
from landslide_cli.errors import ModelError, OutputError
from landslide_cli.extras import need
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.model.card import ModelCard
from landslide_cli.model.deepness import deepness_metadata
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.plan import SIZE

if TYPE_CHECKING:
    from torch.export import ExportedProgram

INPUT, OUTPUT = "input", "probability"
TOLERANCE = 1e-3  # largest difference in probability that passes for the same network
OVERLAP = 128
OPSET = 18
# Enough for opset 18. torch writes 10, which the older onnxruntime of many a QGIS refuses to load.
IR_VERSION = 8

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written.

    Attributes:
        path: The file.
        model: Model id.
        difference: Largest difference in probability from torch on random pixels.
    """

    path: Path
    model: str
    difference: float


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of file is written, and run for the check.

    Attributes:
        endings: Of the file itself and of what is written beside it.
        needs: The extra, and the packages of it.
        write: Writes a traced network.
        run: Gives the file's probabilities of normalised pixels.
    """

    endings: tuple[str, ...]
    needs: tuple[str, ...]
    write: Callable[[ExportedProgram, ModelCard, Path], None]
    run: Callable[[Path, Pixels], Pixels]


class Probability(nn.Module):
    """The network and the sigmoid after it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.network(x))


def export_model(
    model: str | Path, kind: str, out: Path | None = None, *, size: int = SIZE, overwrite: bool = False
) -> Exported:
    """Write a model for other programs.

    Args:
        model: Id of an installed model, or a ``.safetensors`` file with its card beside it.
        kind: ``onnx``, ``pt2`` or ``openvino``.
        out: File to write; the model's id with the format's ending by default.
        size: Side of the windows.
        overwrite: Replace a file that exists.

    Raises:
        ModelError: the model can't be loaded, or the written file says something else than torch.
        OutputError: the file can't be written.
        MissingPackageError: the format's extra isn't installed.
    """
    form = FORMATS[kind]
    weights, card = find_model(model)
    path = out or Path(card.model_id + form.endings[0])
    if path.suffix.lower() != form.endings[0]:
        raise OutputError(f"{path}: a file of format {kind} ends in {form.endings[0]}; name it so")
    for ending in form.endings:
        refuse_unwritable(path.with_suffix(ending), overwrite=overwrite)
    if form.needs:
        need(*form.needs)
    network = Probability(load_network(weights, card)).eval()
    pixels = random_pixels(card, size)
    with staged(path) as place:
        with _fewer_words():
            form.write(traced(network, bands=len(card.bands), size=size), card, place)
        with torch.inference_mode():
            expected = network(torch.from_numpy(pixels)).numpy()
        difference = float(np.abs(form.run(place, pixels) - expected).max())
        # Written so that NaN doesn't pass.
        if not difference < TOLERANCE:
            raise ModelError(
                f"{path} was not written: its probabilities differ from torch's by {difference:.2g}, and "
                f"{TOLERANCE:g} is allowed; another version of torch or of the format's packages may help"
            )
    return Exported(path, card.model_id, difference)


def traced(network: nn.Module, *, bands: int, size: int) -> ExportedProgram:
    """The network as a graph for windows of one size, in batches of any number."""
    # Traced with two and checked with one, so that a number written into the graph is found out.
    example = (torch.zeros(2, bands, size, size),)
    with torch.no_grad():
        program = torch.export.export(network, example, dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # tells where the code lies on this machine
    return program


def random_pixels(card: ModelCard, size: int) -> Pixels:
    """One normalised window of random values over the whole range of the card."""
    low, high = card.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, len(card.bands), size, size))
    normalised: Pixels = Normalise(card.value_range, card.mean, card.std)(torch.from_numpy(values)).numpy()
    return normalised


def card_text(card: ModelCard) -> str:
    """The card as it travels in a file."""
    return json.dumps(asdict(card) | {"exported_by": f"landslide-cli {__version__}"}, ensure_ascii=False)


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
    metadata = deepness_metadata(card, size=size, overlap=OVERLAP * size // SIZE)
    onnx.helper.set_model_props(model, metadata | {"landslide_card": card_text(card)})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def run_onnx(path: Path, pixels: Pixels) -> Pixels:
    """Run an ONNX file on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: pixels})[0]


def write_openvino(program: ExportedProgram, card: ModelCard, path: Path) -> None:
    """Write OpenVINO's pair of files: the graph as .xml, the numbers as .bin."""
    openvino = import_openvino()
    model = openvino.convert_model(program)
    model.reshape([-1, *program.example_inputs[0][0].shape[1:]])
    model.input(0).get_tensor().set_names({INPUT})
    model.output(0).get_tensor().set_names({OUTPUT})
    model.set_rt_info(card_text(card), ["landslide", "card"])
    openvino.save_model(model, path, compress_to_fp16=False)


def run_openvino(path: Path, pixels: Pixels) -> Pixels:
    """Run an OpenVINO model on the CPU in float32."""
    # Left to itself it takes bfloat16 where the CPU has it.
    compiled = import_openvino().Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled({INPUT: pixels})[OUTPUT]


def import_openvino() -> Any:
    """Import OpenVINO without the package by which it reports each import to its makers; it has a stub for that."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def write_pt2(program: ExportedProgram, card: ModelCard, path: Path) -> None:
    """Write torch's own format; the card is its extra file ``card.json``."""
    program.example_inputs = None  # several megabytes of zeros
    torch.export.save(program, path, extra_files={"card.json": card_text(card)})


def run_pt2(path: Path, pixels: Pixels) -> Pixels:
    """Run a .pt2 file."""
    with torch.inference_mode():
        return torch.export.load(path).module()(torch.from_numpy(pixels)).numpy()


@contextmanager
def _fewer_words() -> Iterator[None]:
    """Keep from the user what only torch's own authors can mend."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    # It warns of each torchvision operator that it can't know.
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch 2.13 calls what it deprecates itself.
            warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(before)


FORMATS = {
    "onnx": Format((".onnx",), ("export", "onnx", "onnxscript", "onnxruntime"), write_onnx, run_onnx),
    "pt2": Format((".pt2",), (), write_pt2, run_pt2),
    "openvino": Format((".xml", ".bin"), ("openvino", "openvino"), write_openvino, run_openvino),
}
