"""Networks as OpenVINO's pair of files, and where those live that weights were converted to on first use."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from landslide_cli._version import __version__
from landslide_cli.errors import ModelError, OutputError
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.model.card import ModelCard, card_text, checksum
from landslide_cli.model.openvino import ROOM, OpenVINOModel, read_openvino_model
from landslide_cli.model.weights import load_network, refuse_damaged
from landslide_cli.typing import Float32

if TYPE_CHECKING:
    from torch.export import ExportedProgram

log = logging.getLogger(__name__)

INPUT, OUTPUT = "input", "probability"
# Largest difference in probability that passes for the same network.
TOLERANCE = 1e-3
CHECKED = 256  # side of the window by which a conversion is checked; no side of the example that was traced


def import_openvino() -> Any:
    """Import OpenVINO without the package by which it reports each import to its makers; it has a stub for that."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def convert(program: ExportedProgram) -> Any:
    """Turn torch's graph into OpenVINO's."""
    model = import_openvino().convert_model(program)
    model.input(0).get_tensor().set_names({INPUT})
    model.output(0).get_tensor().set_names({OUTPUT})
    return model


def save(model: Any, card: ModelCard, path: Path, *, precision: str = "float32", f1_loss: float | None = None) -> None:
    """Write a model and what `landslide_cli.model.openvino` reads of it; the ``.bin`` stands beside ``path``."""
    openvino = import_openvino()
    entries = {"card": card_text(card), "precision": precision}
    if f1_loss is not None:
        entries["f1_loss"] = repr(f1_loss)
    for key, value in entries.items():
        model.set_rt_info(value, [ROOM, key])
    openvino.save_model(model, path, compress_to_fp16=False)
    # The graph carries the checksum of the numbers, which are known only now.
    model.set_rt_info(checksum(path.with_suffix(".bin")), [ROOM, "sha256"])
    openvino.save_model(model, path, compress_to_fp16=False)


def run_openvino(path: Path, pixels: Float32) -> Float32:
    """Run an OpenVINO model on the CPU: ``(N, bands, H, W)`` to ``(N, 1, H, W)``; float32 where it isn't quantized."""
    # Left to itself it takes bfloat16 where the CPU has it.
    compiled = import_openvino().Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled({INPUT: pixels})[OUTPUT]


def converted(weights: Path, card: ModelCard) -> OpenVINOModel:
    """The OpenVINO model of weights: from the user's cache folder, else made now and put there.

    torch is imported only to make one.

    Raises:
        ModelError: the weights don't fit their card, or OpenVINO says something else than torch.
        OutputError: the cache folder can't be written.
    """
    refuse_damaged(weights, card)
    path = cache_folder() / f"{card.model_id}-{_key(card)}.xml"
    try:
        model = read_openvino_model(path)
        model.refuse_damaged()
    except ModelError:
        log.info("converting %s for OpenVINO, once: %s", card.model_id, path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the folder for converted models can't be made: {error}; let XDG_CACHE_HOME name one that can be "
                "written, or use --engine torch"
            ) from error
        refuse_unwritable(path, overwrite=True)
        with staged(path) as place:
            _convert(weights, card, place)
        model = read_openvino_model(path)
    return model


def _convert(weights: Path, card: ModelCard, place: Path) -> None:
    import torch

    from landslide_cli.engine.graphs import Probability, fewer_words, traced

    network = Probability(load_network(weights, card)).eval()
    with fewer_words():
        save(convert(traced(network, bands=len(card.bands), size=None)), card, place)
    pixels = np.random.default_rng(0).normal(size=(1, len(card.bands), CHECKED, CHECKED)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(pixels)).numpy()
    difference = float(np.abs(run_openvino(place, pixels) - expected).max())
    if not difference < TOLERANCE:
        raise ModelError(
            f"{card.model_id} can't be run by OpenVINO {version('openvino')}: its probabilities differ from torch's by "
            f"{difference:.2g}, and {TOLERANCE:g} is allowed; use --engine torch"
        )


def cache_folder() -> Path:
    """Where converted models are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("landslide-cli", appauthor=False) / "openvino"


def _key(card: ModelCard) -> str:
    """What a conversion depends on, as digits."""
    parts = [card.sha256, card.network, card.arguments, __version__, version("openvino")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
