"""The network on OpenVINO, for the CPU; torch isn't imported."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from landslide_cli.engine import Engine
from landslide_cli.engine.openvino_files import import_openvino
from landslide_cli.errors import DeviceError
from landslide_cli.model.linear import scale_and_shift
from landslide_cli.model.openvino import OpenVINOModel
from landslide_cli.typing import Float32, Pixels

# Threads that an engine may use; set for workers that share a machine.
THREADS = "LANDSLIDE_THREADS"
HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVINOEngine(Engine):
    """Runs an exported model on raw pixels, as `landslide_cli.engine.torch_engine.TorchEngine` runs a network.

    Args:
        model: As `landslide_cli.export` writes it, checked.
        batch_size: Windows in each call.
        precision: ``auto``, ``float32`` or ``bfloat16``, and ``int8`` if the model is quantized: what it is not
            quantized in then runs in ``auto``, which is bfloat16 where the CPU multiplies it natively, else float32.

    Raises:
        DeviceError: the precision isn't one of these, or not the model's.
    """

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        model: OpenVINOModel,
        *,
        batch_size: int = 1,
        precision: str = "auto",
    ) -> None:
        self._core = import_openvino().Core()
        self.precision = choose_precision(precision, made=model.precision, file=model.path.name)
        self._config = {
            "INFERENCE_PRECISION_HINT": HINTS.get(self.precision, "bf16" if _native_bfloat16() else "f32"),
            "PERFORMANCE_HINT": "LATENCY",  # all cores on one window: a run holds few windows at a time
        }
        # Workers beside each other share the cores.
        if THREADS in os.environ:
            self._config["INFERENCE_NUM_THREADS"] = os.environ[THREADS]
        self._graph = self._core.read_model(model.path)
        self._statistics = (model.card.mean, model.card.std)
        self.batch_size = batch_size
        self._bands = len(model.card.bands)
        self._fixed: tuple[int, ...] = ()
        # Compiled when first needed: for the scene's windows, and for any others.
        self._compiled: dict[bool, Any] = {}

    def prepare(self, size: int, windows: int) -> None:
        """Compile the network for windows of this side when the first one comes: it is quicker for one than for any."""
        fixed = (self.batch_size, self._bands, size, size)
        if fixed != self._fixed:
            self._fixed = fixed
            self._compiled.pop(False, None)

    def _network(self, shape: tuple[int, ...]) -> Any:
        """The graph for the scene's windows, or for any."""
        any_size = shape != self._fixed
        if any_size not in self._compiled:
            graph = self._graph.clone()
            if not any_size:
                graph.reshape(list(self._fixed))
            self._compiled[any_size] = self._core.compile_model(graph, "CPU", self._config)
        return self._compiled[any_size]

    def normalised(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Normalise raw pixels, shape ``(N, bands, height, width)``, to float32 of the same shape."""
        scale, shift = scale_and_shift(value_range, *self._statistics)
        return np.clip(pixels.astype(np.float32), *value_range) * scale + shift

    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Predict one batch; see `landslide_cli.engine.Engine` for shapes."""
        probability: Float32 = self._network(pixels.shape)([self.normalised(pixels, value_range)])[0]
        return probability[:, 0]


def choose_precision(name: str, *, made: str = "float32", file: str = "the model") -> str:
    """Turn ``auto`` or a name into what a model runs in that was ``made`` in float32 or int8.

    Raises:
        DeviceError: neither the model nor OpenVINO can do it on the CPU.
    """
    if made == "int8":
        if name not in ("auto", "int8"):
            raise DeviceError(f"{file} is an int8 model; leave --precision {name} out, or name the weights")
        return "int8"
    if name == "int8":
        raise DeviceError(f"{file} is a float32 model; landslide export --int8 makes one that is int8")
    if name == "auto":
        return "bfloat16" if _native_bfloat16() else "float32"
    if name not in HINTS:
        raise DeviceError(f"{name} is not for OpenVINO on the CPU; use --precision bfloat16 or float32")
    return name


def _native_bfloat16() -> bool:
    return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
