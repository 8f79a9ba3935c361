"""The network on torch: device, precision, memory layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landslide_cli.engine import Engine
from landslide_cli.engine.batch_size import LARGEST, probed_batch_size
from landslide_cli.engine.compiling import Compiled, from_windows
from landslide_cli.engine.folding import folded
from landslide_cli.errors import DeviceError, counted
from landslide_cli.model.normalise import Normalise
from landslide_cli.typing import Float32, Pixels

log = logging.getLogger(__name__)

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device that is there.

    Raises:
        DeviceError: it isn't; a run never falls back to the CPU in silence.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"no device is called {name!r}; use auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"{name} was asked for, but torch {torch.__version__} sees "
            f"{counted(torch.cuda.device_count(), 'CUDA device')}; use --device cpu, or install the driver and a CUDA "
            "build of torch"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("mps was asked for, but this machine has none; use --device cpu")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise DeviceError(f"{name} is not a device that landslide runs on; use auto, cpu, cuda, cuda:N or mps")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Turn ``auto`` or a name into the type that convolutions run in.

    ``auto`` is bfloat16 where the hardware multiplies it natively, float16 on older CUDA cards and
    float32 elsewhere: emulated bfloat16 is slower than float32.

    Raises:
        DeviceError: the device can't run the precision asked for.
    """
    if name == "int8":
        raise DeviceError("int8 is not for torch; use --engine openvino, or --precision bfloat16 or float32")
    if name == "float16" and device.type == "cpu":
        raise DeviceError("float16 is not for the CPU; use --precision bfloat16 or float32")
    if name != "auto":
        return PRECISIONS[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False):
        return torch.bfloat16
    return torch.float32


class TorchEngine(Engine):
    """Runs a network on raw pixels.

    Args:
        network: Takes normalised ``(N, C, H, W)`` and gives logits ``(N, 1, H, W)``.
        mean: Mean of each band where raw values are mapped to 0 … 1, from the card.
        std: Standard deviation of each band after the same mapping, from the card.
        batch_size: Windows in each call; by default as many as are quickest and fit into memory.
        device: As for `choose_device`.
        precision: As for `choose_precision`.
    """

    name = "torch"

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        batch_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self._device = choose_device(device)
        self._dtype = choose_precision(precision, self._device)
        network = folded(network).to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network: nn.Module = network
        self._run: Callable[[Tensor], Tensor] = network
        self._compiled: Compiled | None = None
        self._statistics = (tuple(mean), tuple(std))
        self._normalise = lru_cache(maxsize=4)(self._made_normalise)
        self._probes, self._probed_for = batch_size is None, (0, 0)
        self.batch_size = batch_size or 1
        self.device = str(self._device)
        self.precision = str(self._dtype).removeprefix("torch.")

    def prepare(self, size: int, windows: int) -> None:
        """Compile the network on the CPU if so many windows pay for it, and look which batch is best on a card.

        Compiling takes a minute or two, at the first batch; see `landslide_cli.engine.compiling`.
        """
        compiles = self._device.type == "cpu" and windows >= from_windows()
        if compiles and self._compiled is None:
            self._compiled = Compiled(self._network)
        self._run = self._compiled if compiles and self._compiled else self._network
        # Batches double up to the number of windows.
        wanted = size, min(windows, LARGEST).bit_length()
        if self._probes and wanted != self._probed_for:
            shape = len(self._statistics[0]), size, size
            self.batch_size, self._probed_for = probed_batch_size(self, shape, most=windows), wanted
            if self.batch_size > 1:
                log.info("windows at once: %d (--batch-size)", self.batch_size)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Pixels:
        """An array of this shape, in pinned memory for CUDA, which copies from there without a detour."""
        pinned = self._device.type == "cuda"
        made: Pixels = torch.empty(shape, dtype=_torch_type(dtype), pin_memory=pinned).numpy()
        return made

    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Predict one batch; see `landslide_cli.engine.Engine` for shapes."""
        probability: Float32 = self._asked(pixels, value_range).cpu().numpy()
        return probability

    def on_device(self, pixels: Pixels, value_range: tuple[float, float]) -> Any:
        """The same with the answer left on the card, if there is one; see `landslide_cli.engine.Engine` for shapes."""
        return self(pixels, value_range) if self._device.type == "cpu" else self._asked(pixels, value_range)

    @torch.inference_mode()
    def _asked(self, pixels: Pixels, value_range: tuple[float, float]) -> Tensor:
        # Raw pixels travel, which are a quarter or half of what float32 would take.
        x = torch.from_numpy(pixels).to(self._device).float().clamp(*value_range)
        logits = self._run(self._normalise(value_range)(x).to(self._dtype, memory_format=torch.channels_last))
        return probability_of(logits.float())[:, 0]

    def _made_normalise(self, value_range: tuple[float, float]) -> Normalise:
        return Normalise(value_range, *self._statistics).to(self._device)


def probability_of(logits: Tensor) -> Tensor:
    """Probabilities of logits, both of any one shape; NaN for infinite ones, which would come out as a sure 0 or 1."""
    return torch.sigmoid(logits) + (logits - logits)


def _torch_type(dtype: np.dtype[np.generic]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype
