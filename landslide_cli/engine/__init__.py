"""Raw pixels in, probabilities out; nothing here knows geography."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """What the run needs of a network: any object with these five."""

    name: str
    device: str
    precision: str
    batch_size: int

    def __call__(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Predict one batch.

        Args:
            pixels: Raw pixels as they stand in the file, shape ``(batch_size, bands, height, width)``.

        Returns:
            Probabilities, float32, shape ``(batch_size, height, width)``. An engine that also knows how sure it is
            (`landslide_cli.engine.views.Views`) gives ``(batch_size, 2, height, width)``, the spread second.
        """
        ...


def staying(engine: Engine) -> Any:
    """The same engine with its answers left on its card, as torch tensors, if it has one and can do that."""
    stay = getattr(engine, "stay", None)
    return stay() if stay else engine


def empty_batch(engine: Engine, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """An array to fill with raw pixels, where the engine takes them from most quickly."""
    empty = getattr(engine, "empty", None)
    made: NDArray[np.generic] = empty(shape, dtype) if empty else np.empty(shape, dtype)
    return made
