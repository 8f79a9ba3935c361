"""Normalisation of pixels as numbers, for every engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landslide_cli.typing import Float32


def scale_and_shift(
    value_range: Sequence[float], mean: Sequence[float], std: Sequence[float]
) -> tuple[Float32, Float32]:
    """Normalisation as one multiplication and one addition: ``pixel * scale + shift``.

    Args:
        value_range: ``(low, high)``, the raw values that map to 0 and 1.
        mean: Mean of each band after that mapping.
        std: Standard deviation of each band after that mapping.

    Returns:
        Two float32 arrays of shape ``(bands, 1, 1)``.
    """
    low, high = value_range
    scale = 1 / ((high - low) * np.asarray(std, dtype=np.float64))
    shift = -(low / (high - low) + np.asarray(mean, dtype=np.float64)) / np.asarray(std, dtype=np.float64)
    return scale.astype(np.float32).reshape(-1, 1, 1), shift.astype(np.float32).reshape(-1, 1, 1)
