"""Random crops of chips, and the changes of scale, orientation, colour and sharpness made to them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from landslide_cli.tiling.grid import mirrored

Pixels = NDArray[np.uint8]
Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far the random changes go; probabilities lie between 0 and 1."""

    scale_jitter: float = 1.5  # zoom between 1/1.5 and 1.5, log-uniform
    rotate: float = 0.3  # free rotation; the eight right-angled views come always
    colour: float = 0.8
    grey: float = 0.0  # most or all of the colour taken away
    tint: float = 0.08  # spread of each band's gain
    blur: float = 0.15
    haze: float = 0.1
    jpeg: float = 0.2
    cutmix: float = 0.0  # a box of another crop of the batch pasted in


def random_crop(
    rng: Generator, image: Pixels, mask: Truth, *, size: int, zoom: float, augmentation: Augmentation
) -> tuple[Pixels, Truth]:
    """Cut one augmented square out of a chip.

    Args:
        rng: Source of every random choice.
        image: uint8, shape ``(height, width, 3)``.
        mask: bool, shape ``(height, width)``.
        size: Side of the result in pixels.
        zoom: Output pixels per input pixel before jitter; 0.5 halves the resolution.
        augmentation: What may happen.

    Returns:
        ``(crop, truth)`` of shapes ``(size, size, 3)`` and ``(size, size)``. Where the crop leaves the
        chip, the chip is mirrored, as `detect` mirrors a scene.
    """
    jitter = math.log(augmentation.scale_jitter)
    zoom *= math.exp(rng.uniform(-jitter, jitter))
    angle = rng.uniform(-45, 45) if rng.random() < augmentation.rotate else 0.0
    spread = abs(math.cos(math.radians(angle))) + abs(math.sin(math.radians(angle)))
    outer = math.ceil(size * spread)
    side = max(2, round(outer / zoom))
    row, col = _choose_centre(rng, mask, side)
    rows = mirrored(row - side // 2, side, image.shape[0])
    cols = mirrored(col - side // 2, side, image.shape[1])
    pixels = Image.fromarray(image[np.ix_(rows, cols)]).resize((outer, outer), Image.Resampling.BILINEAR)
    truth = Image.fromarray(mask[np.ix_(rows, cols)].astype(np.uint8) * 255).resize(
        (outer, outer), Image.Resampling.BILINEAR
    )
    if angle:
        pixels = pixels.rotate(angle, Image.Resampling.BILINEAR)
        truth = truth.rotate(angle, Image.Resampling.BILINEAR)
    if outer > size:
        start = (outer - size) // 2
        box = (start, start, start + size, start + size)
        pixels, truth = pixels.crop(box), truth.crop(box)
    crop = _degrade(rng, pixels, augmentation)
    return _right_angled(rng, crop, np.asarray(truth) > 127)


def cutmix(
    rng: Generator, crop: tuple[Pixels, Truth], other: tuple[Pixels, Truth], *, chance: float
) -> tuple[Pixels, Truth]:
    """Paste a box of another crop over a crop, in ``chance`` of the cases; the truth goes with the pixels.

    Yun et al. 2019, "CutMix", equation 2: the box has the crop's shape and an area uniform between none and all of it.
    The box knows nothing of the truth, so its edges give nothing away.

    Args:
        rng: Source of every random choice.
        crop: Pixels ``(size, size, 3)`` and truth ``(size, size)``; they stay as they are.
        other: Pixels and truth of the same shapes.
        chance: Between 0 and 1.
    """
    if rng.random() >= chance:
        return crop
    pixels, truth = crop[0].copy(), crop[1].copy()
    size = len(truth)
    reach = size * math.sqrt(rng.random()) / 2
    row, col = rng.random(2) * size
    box = (
        slice(max(0, round(row - reach)), round(row + reach)),
        slice(max(0, round(col - reach)), round(col + reach)),
    )
    pixels[box], truth[box] = other[0][box], other[1][box]
    return pixels, truth


def _choose_centre(rng: Generator, mask: Truth, side: int) -> tuple[int, int]:
    """Mostly near a landslide pixel, if there is one, so that small slides are seen often."""
    height, width = mask.shape
    if rng.random() < 0.8 and mask.any():
        inside = np.flatnonzero(mask)
        row, col = divmod(int(rng.choice(inside)), width)
        reach = side // 3
        return row + int(rng.integers(-reach, reach + 1)), col + int(rng.integers(-reach, reach + 1))
    return int(rng.integers(height)), int(rng.integers(width))


def _right_angled(rng: Generator, image: Pixels, mask: Truth) -> tuple[Pixels, Truth]:
    turns = int(rng.integers(4))
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _degrade(rng: Generator, image: Image.Image, augmentation: Augmentation) -> Pixels:
    """Colour, haze, blur and compression, in the order in which they reach a sensor and a file."""
    if rng.random() < augmentation.colour:
        image = Image.fromarray(_recolour(rng, np.asarray(image), augmentation.tint))
    if augmentation.grey and rng.random() < augmentation.grey:
        image = Image.blend(image, image.convert("L").convert("RGB"), float(rng.uniform(0.5, 1)))
    if rng.random() < augmentation.haze:
        veil = Image.new("RGB", image.size, tuple(int(v) for v in rng.integers(170, 256, size=3)))
        image = Image.blend(image, veil, float(rng.uniform(0.05, 0.4)))
    if rng.random() < augmentation.blur:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.5))))
    if rng.random() < augmentation.jpeg:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=int(rng.integers(40, 90)))
        image = Image.open(packed).convert("RGB")
    return np.asarray(image)


def _recolour(rng: Generator, image: Pixels, tint: float) -> Pixels:
    """Gamma, gain of each band, contrast, brightness and saturation, each log-uniform or normal."""
    values = (image.astype(np.float32) / 255) ** np.exp(rng.uniform(-0.35, 0.35))
    values *= np.exp(rng.normal(0, tint, size=3)).astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * np.exp(rng.uniform(-0.5, 0.4))
    middle = values.mean()
    values = middle + (values - middle) * np.exp(rng.uniform(-0.3, 0.3)) + rng.uniform(-0.12, 0.12)
    return (values.clip(0, 1) * 255 + 0.5).astype(np.uint8)
