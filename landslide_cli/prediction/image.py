"""A network's answer on whole chips, seen as `detect` would see them; nothing here needs the training loop."""

from __future__ import annotations

import numpy as np

from landslide_cli.engine import Engine
from landslide_cli.mosaic.blend import Prediction, blend
from landslide_cli.tiling.grid import Grid, Tile
from landslide_cli.tiling.resampling import Scaling, resized, seen_size
from landslide_cli.typing import Bytes, Float32

WINDOW = 512


def predict_image(engine: Engine, image: Bytes, value_range: tuple[float, float], zoom: float = 1.0) -> Bytes:
    """Predict a whole image in memory through the windows that `detect` would use.

    Args:
        engine: With a batch size of 1.
        image: uint8, shape ``(height, width, bands)``.
        value_range: Raw values that map to 0 and 1.
        zoom: Pixels of the network per pixel of the image.

    Returns:
        Stored probabilities, uint8, shape ``(height, width)``.

    Raises:
        TrainingDataError: the network would see more than can be held.
    """
    height, width, _ = image.shape
    rows, cols = map(Scaling, (height, width), seen_size(height, width, zoom))
    grid = Grid.fitting(rows.seen, cols.seen, WINDOW)
    pixels = image.transpose(2, 0, 1)
    if not (rows.same and cols.same):
        pixels = np.rint(resized(pixels, (rows.seen, cols.seen))).astype(image.dtype)

    def predicted(tile: Tile) -> Prediction:
        window = np.ascontiguousarray(pixels[:, tile.rows[:, None], tile.cols])
        return Prediction(tile, _probability(engine(window[None], value_range)))

    predictions = map(predicted, grid.tiles())
    return np.concatenate([strip.stored for strip in blend(predictions, grid, scene=(rows, cols))])


def _probability(answer: Float32) -> Float32:
    """The probability of a batch of one; an engine of several views gives their spread as well."""
    only = answer[0]
    return only[0] if only.ndim == 3 else only
