"""One network for many scenes: its weights are read once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from landslide_cli.engine import Engine
from landslide_cli.engine.choice import open_engine
from landslide_cli.model.card import ModelCard

if TYPE_CHECKING:
    from landslide_cli.engine.batch_size import Halving
    from landslide_cli.engine.openvino_engine import OpenVINOEngine


class OpenEngine(Protocol):
    """Makes an engine for one scene, as `landslide_cli.engine.choice.open_engine` does."""

    def __call__(
        self, weights: Path, card: ModelCard, *, engine: str, device: str, precision: str,
        value_range: tuple[float, float], size: int, batch_size: int | None, windows: int,
    ) -> Engine: ...  # fmt: skip


class KeptEngine:
    """Gives each scene the engine that `open_engine` would give it, on the network of the scene before if it can.

    It can where the same model is asked for in the same way, and the number of windows would lead to the same
    choices.
    """

    def __init__(self) -> None:
        self._kept: Halving | OpenVINOEngine | None = None
        self._asked: dict[str, Any] = {}
        self._windows = 0

    def __call__(
        self, weights: Path, card: ModelCard, *, engine: str, device: str, precision: str,
        value_range: tuple[float, float], size: int, batch_size: int | None, windows: int,
    ) -> Engine:  # fmt: skip
        """Make the engine; see `landslide_cli.engine.choice.open_engine`."""
        asked: dict[str, Any] = {
            "weights": weights, "card": card, "engine": engine, "device": device, "precision": precision,
            "batch_size": batch_size,
        }  # fmt: skip
        if self._kept is not None and asked == self._asked and self._fits(windows):
            self._kept = self._kept.again(value_range=value_range, size=size)
        else:
            self._kept = open_engine(**asked, value_range=value_range, size=size, windows=windows)
            self._asked, self._windows = asked, windows
        return self._kept

    def _fits(self, windows: int) -> bool:
        """Whether torch would compile the network, and look for a batch size, alike for both numbers of windows."""
        if self._kept is None or self._kept.name != "torch":
            return True
        from landslide_cli.engine.batch_size import LARGEST
        from landslide_cli.engine.compiling import from_windows

        # Batches double up to the number of windows.
        kinds = {(many >= from_windows(), min(many, LARGEST).bit_length()) for many in (windows, self._windows)}
        return len(kinds) == 1
