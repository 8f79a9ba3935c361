"""The paper's way to one size: images centred on a black square, larger ones shrunk, none enlarged.

Zhou et al. 2024 feed every network 512×512: larger images are shrunk to fit and smaller ones padded with zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def letterbox_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Fit uint8 pixels ``(height, width, 3)`` into ``(size, size, 3)``; the margin is zero."""
    height, width, top, left = placement(image.shape[0], image.shape[1], size)
    if (height, width) != image.shape[:2]:
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    square = np.zeros((size, size, image.shape[2]), dtype=np.uint8)
    square[top : top + height, left : left + width] = image
    return square


def letterbox_mask(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Fit a mask as `letterbox_image` fits its image; where it is shrunk, the majority of each area wins."""
    grey = (mask * np.uint8(255))[..., None].repeat(3, axis=2)
    return letterbox_image(grey, size)[..., 0] > 127


def placement(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Where an image lies on the square: ``(height, width, top, left)`` after shrinking."""
    zoom = min(1.0, size / max(height, width))
    fitted = max(1, round(height * zoom)), max(1, round(width * zoom))
    return *fitted, (size - fitted[0]) // 2, (size - fitted[1]) // 2
