"""The network on torch: device, precision, memory layout."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landslide_cli.engine.compiling import Compiled
from landslide_cli.engine.folding import folded
from landslide_cli.errors import DeviceError
from landslide_cli.model.normalise import Normalise

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
            f"{name} was asked for, but torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices; "
            "use --device cpu, or install the driver and a CUDA build of torch"
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


class TorchEngine:
    """Runs a network on raw pixels.

    Args:
        network: Takes normalised ``(N, C, H, W)`` and gives logits ``(N, 1, H, W)``.
        value_range: Raw values that map to 0 and 1; what lies outside is clamped.
        mean: Mean of each band after that mapping, from the card.
        std: Standard deviation of each band after that mapping, from the card.
        batch_size: Windows in each call.
        device: As for `choose_device`.
        precision: As for `choose_precision`.
        compiled: Translate the network to machine code at the first batch, which takes a minute or two; see
            `landslide_cli.engine.compiling`.
    """

    name = "torch"

    def __init__(
        self,
        network: nn.Module,
        *,
        value_range: tuple[float, float],
        mean: Sequence[float],
        std: Sequence[float],
        batch_size: int = 1,
        device: str = "auto",
        precision: str = "auto",
        compiled: bool = False,
    ) -> None:
        self._device = choose_device(device)
        self._dtype = choose_precision(precision, self._device)
        network = folded(network).to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network: Callable[[Tensor], Tensor] = Compiled(network) if compiled else network
        self._statistics = (mean, std)
        self._normalise = Normalise(value_range, mean, std).to(self._device)
        self._range = value_range
        self._stays = False
        self.batch_size = batch_size
        self.device = str(self._device)
        self.precision = str(self._dtype).removeprefix("torch.")

    def again(self, *, value_range: tuple[float, float], size: int) -> TorchEngine:
        """What a new engine would be for a scene with this stretch, on the same network; any size is fine with it."""
        other = copy.copy(self)
        other._range = value_range
        other._normalise = Normalise(value_range, *self._statistics).to(self._device)
        return other

    def stay(self) -> TorchEngine:
        """The same engine with its answers left on its card, if it has one; they are blended there then."""
        other = copy.copy(self)
        other._stays = self._device.type != "cpu"
        return other

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        """An array to fill with raw pixels: in pinned memory for CUDA, which copies from there without a detour."""
        pinned = self._device.type == "cuda"
        made: NDArray[np.generic] = torch.empty(shape, dtype=_torch_type(dtype), pin_memory=pinned).numpy()
        return made

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.generic]) -> Any:
        """Predict one batch; see `landslide_cli.engine.Engine`. One that stays gives a tensor on its card."""
        # Raw pixels travel, which are a quarter or half of what float32 would take.
        x = self._normalise(torch.from_numpy(pixels).to(self._device).float().clamp(*self._range))
        logits = self._network(x.to(self._dtype, memory_format=torch.channels_last))
        probability = torch.sigmoid(logits.float())[:, 0]
        return probability if self._stays else probability.cpu().numpy()


def _torch_type(dtype: np.dtype[np.generic]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype
