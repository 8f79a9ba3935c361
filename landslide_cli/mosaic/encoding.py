"""Probabilities as stored numbers: 254 steps, 255 for nodata, and thresholds among them."""

from __future__ import annotations

import math

import numpy as np

from landslide_cli.typing import Bools, Bytes, Float32

STEPS = 254  # stored values 0 … 254 mean probabilities 0 … 1
NODATA = 255
SPREAD_STEP = 0.5 / STEPS  # the spread between views is at most 0.5; it is stored in the same 254 steps


def stored_threshold(threshold: float) -> int:
    """Smallest stored value that counts as landslide at a threshold between 0 and 1."""
    # 0.5 means 127 and not 128, though 0.5 * 254 may come out a hair above 127.
    return math.ceil(threshold * STEPS - 1e-9)


def quantise(probability: Float32, valid: Bools | None = None) -> Bytes:
    """Probabilities to stored values, uint8 of the same shape; 255 where ``valid`` is False."""
    stored = (probability * STEPS + 0.5).clip(0, STEPS).astype(np.uint8)
    if valid is not None:
        stored[~valid] = NODATA
    return stored
