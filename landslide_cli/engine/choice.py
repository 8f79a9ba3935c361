"""Which engine runs a model: the one asked for, or the fastest that is installed."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from landslide_cli.engine import Engine
from landslide_cli.errors import DeviceError, ModelError
from landslide_cli.extras import installed, need
from landslide_cli.model.card import ModelCard
from landslide_cli.model.openvino import OpenVINOModel, read_openvino_model
from landslide_cli.model.weights import load_network, refuse_damaged

log = logging.getLogger(__name__)

OPENVINO = ("openvino", "platformdirs")
# F1 that int8 may cost to be taken without being asked for.
LOSS = 0.005


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine, device and precision that a model will run with: decided once, before anything is loaded."""

    weights: Path
    """A ``.safetensors`` file, or an OpenVINO ``.xml`` that `landslide export` wrote."""
    card: ModelCard | None
    """Its card; None if there is none, and then the model can't be opened."""
    engine: str
    """``torch`` or ``openvino``."""
    device: str
    """Such as ``cpu`` or ``cuda:1``."""
    precision: str
    """Type that convolutions run in."""
    batch_size: int | None = None
    """Windows in each call; by default as many as are quickest and fit into memory."""

    def open(self) -> Engine:
        """Load the model.

        Raises:
            ModelError: it is damaged, or isn't for the engine.
        """
        assert self.card is not None
        if self.engine == "openvino":
            from landslide_cli.engine.openvino_engine import OpenVINOEngine

            model = find_openvino_model(self.weights, self.card, self.precision)
            return OpenVINOEngine(model, batch_size=self.batch_size or 1, precision=self.precision)
        from landslide_cli.engine.batch_size import Halving
        from landslide_cli.engine.torch_engine import TorchEngine

        network = load_network(self.weights, self.card)
        return Halving(
            TorchEngine(
                network, mean=self.card.mean, std=self.card.std, batch_size=self.batch_size,
                device=self.device, precision=self.precision,
            )
        )  # fmt: skip


def decide(
    weights: Path,
    card: ModelCard | None,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
) -> Choice:
    """Decide what runs a model, without loading it.

    Args:
        weights: As in `Choice`.
        card: As in `Choice`.
        engine: ``auto``, ``torch`` or ``openvino``; see `choose_engine`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; the last three are torch's.
        precision: ``auto``, ``float32``, ``bfloat16``, ``float16`` (torch) or ``int8`` (OpenVINO).
        batch_size: As in `Choice`.

    Raises:
        DeviceError: engine, device and precision don't go together or aren't there.
        ModelError: int8 was asked for and nobody has made it.
        MissingExtraError: OpenVINO was asked for and isn't installed.
    """
    name = choose_engine(engine, device=device, precision=precision, weights=weights)
    if name == "openvino":
        from landslide_cli.engine import openvino_engine

        made = find_made(weights, card, precision) if card else None
        kind, file = (made.precision, made.path.name) if made else ("float32", weights.name)
        runs_in = openvino_engine.choose_precision(precision, made=kind, file=file)
        return Choice(weights, card, name, openvino_engine.OpenVINOEngine.device, runs_in, batch_size)
    from landslide_cli.engine import torch_engine

    place = torch_engine.choose_device(device)
    runs_in = str(torch_engine.choose_precision(precision, place)).removeprefix("torch.")
    return Choice(weights, card, name, str(place), runs_in, batch_size)


def choose_engine(engine: str, *, device: str, precision: str, weights: Path) -> str:
    """Turn ``auto`` into ``torch`` or ``openvino``: torch on a CUDA or MPS device, OpenVINO on the CPU if it's there.

    Raises:
        DeviceError: OpenVINO was asked for on another device than the CPU.
        MissingExtraError: OpenVINO was asked for, by name or by what only it can do, and isn't installed.
    """
    if engine == "torch":
        return engine
    only = f"{weights.name}" if weights.suffix == ".xml" else "--precision int8" if precision == "int8" else ""
    if engine == "openvino" or only:
        purpose = "--engine openvino" if engine == "openvino" else only
        need(*OPENVINO, extra="openvino", purpose=purpose)
        if device not in ("auto", "cpu"):
            raise DeviceError(f"{purpose} runs on the CPU; leave --device {device} out, or use --engine torch")
        return "openvino"
    if precision == "float16" or device not in ("auto", "cpu"):
        return _taken("torch", f"the one for {precision if device in ('auto', 'cpu') else device}")
    if device == "auto" and _has_accelerator():
        return _taken("torch", "the one for CUDA and MPS")
    if installed(*OPENVINO):
        return _taken("openvino", "the fastest on the CPU")
    return _taken("torch", "OpenVINO is faster on the CPU: pip install 'landslide-cli[openvino]'")


def _taken(engine: str, why: str) -> str:
    log.info("engine: %s (%s; --engine)", engine, why)
    return engine


def _has_accelerator() -> bool:
    """Whether torch sees a CUDA or MPS device; torch is only asked, and imported, where it could."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or not _could_have_one(Path(spec.origin)):
        return False
    from landslide_cli.engine.torch_engine import choose_device

    return choose_device("auto").type != "cpu"


def _could_have_one(package: Path) -> bool:
    """Whether the build of torch at ``package`` and the drivers could; importing it to ask would take seconds."""
    if sys.platform == "darwin":
        return True
    spec = importlib.util.spec_from_file_location("torch_version", package.with_name("version.py"))
    assert spec is not None and spec.loader is not None
    version = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(version)
    if getattr(version, "hip", None) is not None:
        return True
    if getattr(version, "cuda", None) is None:
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def find_openvino_model(weights: Path, card: ModelCard, precision: str) -> OpenVINOModel:
    """The OpenVINO model that runs a precision: one that was made before, checked, or a conversion of the weights.

    Raises:
        ModelError: it is damaged, or int8 was asked for and nobody has made it.
    """
    model = find_made(weights, card, precision)
    if model is None:
        from landslide_cli.engine.openvino_files import converted

        return converted(weights, card)
    model.refuse_damaged()
    if weights.suffix != ".xml":
        refuse_damaged(weights, card)
    # A new card may say another threshold, but it is the weights that count.
    return replace(model, card=card)


def find_made(weights: Path, card: ModelCard, precision: str) -> OpenVINOModel | None:
    """The file that is named, or the int8 one beside the weights where it is wanted; None for neither.

    Raises:
        ModelError: int8 was asked for and nobody has made it.
    """
    if weights.suffix == ".xml":
        return read_openvino_model(weights)
    path = int8_path(weights)
    beside = read_openvino_model(path) if path.is_file() else None
    if beside is not None and beside.card.sha256 != card.sha256:
        beside = None
    if precision == "int8" and beside is None:
        raise ModelError(
            f"{card.model_id} has no int8 model ({path}); make it of chips: "
            f"landslide export {card.model_id} --format openvino --int8 --chips FOLDER"
        )
    wanted = precision == "int8" or (precision == "auto" and beside is not None and _harmless(beside))
    return beside if wanted else None


def int8_path(weights: Path) -> Path:
    """Where the int8 model of weights stands."""
    return weights.with_suffix(".int8.xml")


def _harmless(model: OpenVINOModel) -> bool:
    return model.f1_loss is not None and model.f1_loss < LOSS
