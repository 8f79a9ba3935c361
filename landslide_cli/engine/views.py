"""Test-time augmentation: several views of the same windows, their mean and how far they are apart.

A network should say the same of a window and of its mirror image, but is trained to do so only roughly. The mean
over views evens that out; the standard deviation between them, the spread, shows where the network is unsure of itself.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from landslide_cli.engine import Engine
from landslide_cli.typing import Float32, Pixels

# A view: transposed, then upside down, then mirrored, or not. The eight are the symmetries of a square.
Symmetry = tuple[bool, bool, bool]
VIEWS: dict[str, tuple[Symmetry, ...]] = {
    "flips": tuple((False, down, across) for down, across in product((False, True), repeat=2)),
    "d4": tuple((turn, down, across) for turn, down, across in product((False, True), repeat=3)),
}


def viewed(pixels: Pixels, view: Symmetry) -> Pixels:
    """Turn the last two axes of an array of shape ``(…, height, width)`` into a view."""
    transposed, down, across = view
    turned = pixels.swapaxes(-1, -2) if transposed else pixels
    # torch takes no negative strides.
    return np.ascontiguousarray(turned[..., :: -1 if down else 1, :: -1 if across else 1])


def undone(probability: Float32, view: Symmetry) -> Float32:
    """Undo a view's flips and rotations on its prediction, shape ``(…, height, width)``."""
    transposed, down, across = view
    turned = probability[..., :: -1 if down else 1, :: -1 if across else 1]
    return turned.swapaxes(-1, -2) if transposed else turned


class Views(Engine):
    """Asks an engine about several views of each window, one after the other, so that memory stays as it is.

    Args:
        engine: Any engine; windows that aren't square must be fine with it in both directions for ``d4``.
        tta: ``flips`` for four views, ``d4`` for eight.
    """

    def __init__(self, engine: Engine, tta: str) -> None:
        if tta not in VIEWS:
            raise ValueError(f"tta must be none or one of {', '.join(VIEWS)}, not {tta!r}")
        self._engine = engine
        self._views = VIEWS[tta]
        self.name = engine.name
        self.device = engine.device
        self.precision = engine.precision
        self.batch_size = engine.batch_size

    def prepare(self, size: int, windows: int) -> None:
        """Get the engine ready for so many views."""
        self._engine.prepare(size, windows * len(self._views))
        self.batch_size = self._engine.batch_size

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Pixels:
        """The engine's, of this shape."""
        return self._engine.empty(shape, dtype)

    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        """Predict one batch of raw pixels, shape ``(batch_size, bands, height, width)``.

        Returns:
            float32, shape ``(batch_size, 2, height, width)``: mean over the views, and spread.
        """
        shape = (len(pixels), *pixels.shape[-2:])
        # In double precision the sums of equal single numbers are exact, so that views that agree have no spread.
        total, squares = np.zeros(shape), np.zeros(shape)
        for view in self._views:
            said = undone(self._engine(viewed(pixels, view), value_range), view).astype(np.float64)
            total += said
            squares += said * said
        mean = total / len(self._views)
        spread = np.sqrt(np.maximum(squares / len(self._views) - mean * mean, 0))
        return np.stack([mean, spread], axis=1).astype(np.float32)


def in_views(engine: Engine, tta: str) -> Engine:
    """The engine itself for ``none``, else `Views` of it."""
    return engine if tta == "none" else Views(engine, tta)
