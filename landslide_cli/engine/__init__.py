"""Raw pixels in, probabilities out; nothing here knows geography."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from landslide_cli.typing import Float32, Pixels


class Engine(ABC):
    """A network that can be asked about raw pixels. It is opened once and used for one scene after the other.

    Attributes:
        name: What runs the network, such as ``torch``.
        device: Where it runs.
        precision: Type that its convolutions run in.
        batch_size: Windows in each call.
    """

    name: str
    device: str
    precision: str
    batch_size: int = 1

    @abstractmethod
    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Predict one batch.

        Args:
            pixels: Raw pixels as they stand in the file, shape ``(batch_size, bands, height, width)``.
            value_range: Raw values that map to 0 and 1; what lies outside is clamped.

        Returns:
            Probabilities, float32, shape ``(batch_size, height, width)``. An engine that also knows how sure it is
            (`landslide_cli.engine.views.Views`) gives ``(batch_size, 2, height, width)``, the spread second.
        """

    def prepare(self, size: int, windows: int) -> None:  # noqa: B027  (most engines have nothing to do)
        """Get ready for a scene, such as by choosing ``batch_size`` or by compiling; nothing by default.

        Args:
            size: Side of the scene's windows in pixels that the network sees.
            windows: How many it will be asked about.
        """

    def on_device(self, pixels: Pixels, value_range: tuple[float, float]) -> Any:
        """Predict one batch as a call does; the answer, of the same shape, may stay on a card as a torch tensor."""
        return self(pixels, value_range)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Pixels:
        """An array of this shape to fill with raw pixels, in the memory that the engine takes them from soonest."""
        return np.empty(shape, dtype)
