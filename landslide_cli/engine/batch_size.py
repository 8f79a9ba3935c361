"""Batches that fit: how many windows at once on a card, and what to do when they don't fit after all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from landslide_cli.engine import Engine
from landslide_cli.errors import counted
from landslide_cli.typing import Float32, Pixels

log = logging.getLogger(__name__)

LARGEST = 64  # windows; more than a run wants to read ahead
SHARE = 0.8  # of the free memory that a batch may take: others use the card, and its memory falls to pieces
FULL_RANGE = (0.0, 255.0)
Ask = Callable[[Pixels, tuple[float, float]], Any]
GAIN = 1.05  # by which the rate must grow for twice the memory


class Halving(Engine):
    """Asks an engine in smaller parts when the card's memory is out.

    The batch keeps its size for whoever reads windows; from the first shortage on it is asked about in halves,
    quarters and so on, and the part that failed is asked about again.

    Args:
        engine: Raises ``torch.OutOfMemoryError``; takes batches of any size.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._most = engine.batch_size
        self.name = engine.name
        self.device = engine.device
        self.precision = engine.precision
        self.batch_size = engine.batch_size

    def prepare(self, size: int, windows: int) -> None:
        """Get the engine ready for a scene, and ask it about whole batches again."""
        self._engine.prepare(size, windows)
        self.batch_size = self._most = self._engine.batch_size

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Pixels:
        """The engine's, of this shape."""
        return self._engine.empty(shape, dtype)

    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Predict one batch; see `landslide_cli.engine.Engine` for shapes.

        Raises:
            torch.OutOfMemoryError: not even a single window fits.
        """
        done = self._in_parts(self._engine, pixels, value_range)
        probability: Float32 = done[0] if len(done) == 1 else np.concatenate(done)
        return probability

    def on_device(self, pixels: Pixels, value_range: tuple[float, float]) -> Any:
        """The same with the answer left on the card; see `landslide_cli.engine.Engine` for shapes."""
        done = self._in_parts(self._engine.on_device, pixels, value_range)
        if len(done) == 1:
            return done[0]
        return torch.cat(done) if isinstance(done[0], torch.Tensor) else np.concatenate(done)

    def _in_parts(self, ask: Ask, pixels: Pixels, value_range: tuple[float, float]) -> list[Any]:
        done: list[Any] = []
        first = 0
        while first < len(pixels):
            part = pixels[first : first + self._most]
            probability = self._asked(ask, part, value_range)
            if probability is None:
                self._halve()
            else:
                done.append(probability)
                first += len(part)
        return done

    def _asked(self, ask: Ask, part: Pixels, value_range: tuple[float, float]) -> Any:
        """None where memory is out; the error, and all that its traceback holds on the card, is gone by then."""
        try:
            return ask(part, value_range)
        except torch.OutOfMemoryError:
            if self._most == 1:
                raise
            return None

    def _halve(self) -> None:
        self._most //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        windows = counted(self._most, "window")
        log.info("memory of %s is out; asked again, and from now on, about %s at once", self.device, windows)


def choose_batch_size(seconds: Callable[[int], float], fits: Callable[[int], bool], *, most: int = LARGEST) -> int:
    """Double the batch while it fits and pays.

    Args:
        seconds: Time of a batch of so many windows; may raise ``torch.OutOfMemoryError``.
        fits: Whether so many windows fit into memory, going by the half as many that ran last.
        most: Windows that there are.
    """
    best, rate = 1, 1 / seconds(1)
    while 2 * best <= min(LARGEST, most) and fits(2 * best):
        try:
            found = 2 * best / seconds(2 * best)
        except torch.OutOfMemoryError:
            break
        if found < GAIN * rate:
            break
        best, rate = 2 * best, found
    return best


def probed_batch_size(engine: Engine, shape: tuple[int, int, int], *, most: int = LARGEST) -> int:
    """Ask an engine about empty windows to see how many at once are best; 1 on the CPU, without a probe.

    A CPU is as fast with one window at a time, and needs less memory.

    Args:
        engine: Takes batches of any size.
        shape: Bands, height and width of a window.
        most: Windows that there are.
    """
    device = torch.device(engine.device)
    if device.type == "cpu":
        return 1

    def seconds(windows: int) -> float:
        pixels = np.zeros((windows, *shape), dtype=np.uint8)
        engine(pixels, FULL_RANGE)  # kernels are chosen for each size when it first comes
        start = time.perf_counter()
        engine(pixels, FULL_RANGE)
        return time.perf_counter() - start

    chosen = choose_batch_size(seconds, lambda windows: _fits(device, windows), most=most)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return chosen


def _fits(device: torch.device, windows: int) -> bool:
    """Whether ``windows`` fit, where the peak so far came from half as many (weights included, so on the safe side)."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        held = torch.cuda.memory_reserved(device)
        return 2 * torch.cuda.max_memory_allocated(device) <= SHARE * (free + held)
    held = torch.mps.driver_allocated_memory()
    return 2 * held <= SHARE * torch.mps.recommended_max_memory()
