"""Object rules after a network, as ResU-Net-OBIA has them: components that don't look like a landslide are dropped.

Ghorbanzadeh et al. 2022, Landslides 19, 929, put "only four rulesets" of object-based image analysis on Sentinel-2
bands and the network's probability. What they ask is prior knowledge: landslides are probable, bare, large enough and
no roads. The rules below ask the same of what an RGB image shows; their limits are chosen on validation images, since
those of the source belong to its sensor and its segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits that a component must keep; the defaults keep every component.

    Attributes:
        candidate: Probability from which pixels make up components.
        seed: Probability that a component's most probable pixel reaches.
        greenest: Largest mean excess green index (-1 to 2) of a component.
        smallest: Fewest pixels of a component.
        thinnest: Least mean width of a component in pixels, see `Components.width`.
    """

    candidate: float = 0.5
    seed: float = 0.0
    greenest: float = 2.0
    smallest: int = 1
    thinnest: float = 0.0

    def apply(self, probability: NDArray[np.floating], image: NDArray[np.uint8]) -> Bools:
        """Give the mask that the rules leave, bool, of the shape ``(height, width)`` of ``probability``.

        Args:
            probability: Values from 0 to 1.
            image: Red, green and blue, shape ``(height, width, 3)``.
        """
        found = components(probability >= self.candidate, probability, image)
        kept = (
            (found.peak >= self.seed)
            & (found.green <= self.greenest)
            & (found.pixels >= self.smallest)
            & (found.width >= self.thinnest)
        )
        mask: Bools = np.append(False, kept)[found.labels]
        return mask


@dataclass(frozen=True, slots=True)
class Components:
    """Edge-connected components of a mask and what the rules ask of them.

    Attributes:
        labels: Number of the component, from 1, at each pixel; 0 elsewhere.
        pixels: Size of each.
        peak: Highest probability of each.
        green: Mean excess green index of each, ``(2 G - R - B) / (R + G + B)`` (Woebbecke et al. 1995, Transactions of
            the ASAE 38, 259); vegetation lies above about 0.1, bare soil and rock about 0.
        width: Four times the mean distance to the outline, in pixels. For a long band this is its width, for a disc two
            thirds of its diameter; it keeps small for a road however long and bent.
    """

    labels: NDArray[np.int32]
    pixels: NDArray[np.int64]
    peak: Floats
    green: Floats
    width: Floats


def components(mask: Bools, probability: NDArray[np.floating], image: NDArray[np.uint8]) -> Components:
    """Find and measure the components of a mask of shape ``(height, width)``."""
    labels = np.empty(mask.shape, dtype=np.int32)
    count = int(ndimage.label(mask, output=labels))
    every = np.arange(1, count + 1)
    red, green, blue = np.moveaxis(image.astype(np.float64), -1, 0)
    excess = (2 * green - red - blue) / np.maximum(red + green + blue, 1)
    # A pixel on the outline lies half a pixel inside of it.
    inside = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] - 0.5
    return Components(
        labels,
        pixels=np.bincount(labels.ravel(), minlength=count + 1)[1:],
        peak=_of_each(ndimage.maximum, probability, labels, every),
        green=_of_each(ndimage.mean, excess, labels, every),
        width=4 * _of_each(ndimage.mean, inside, labels, every),
    )


def _of_each(
    measure: object, values: NDArray[np.floating], labels: NDArray[np.int32], every: NDArray[np.int64]
) -> Floats:
    if not len(every):
        return np.zeros(0)
    return np.asarray(measure(values, labels, every), dtype=np.float64)  # type: ignore[operator]


def choose_rules(
    cases: Sequence[tuple[NDArray[np.floating], NDArray[np.uint8], Bools]],
    *,
    candidates: Iterable[float] = (0.3, 0.4, 0.5, 0.6, 0.7),
    seeds: Iterable[float] = (0.0, 0.7, 0.8, 0.9),
    greenest: Iterable[float] = (2.0, 0.15, 0.1, 0.05, 0.0),
    smallest: Iterable[int] = (1, 16, 64, 256),
    thinnest: Iterable[float] = (0.0, 2.0, 4.0, 8.0),
) -> Rules:
    """Choose the limits with the best pooled pixel F1 over cases of ``(probability, image, truth)``.

    The candidates' probability and the four limits are tried in every combination; each component is measured once.
    """
    best, best_f1 = Rules(), -1.0
    for candidate in candidates:
        tables = [_table(candidate, *case) for case in cases]
        table = np.concatenate(tables, axis=1) if tables else np.zeros((5, 0))
        peak, green, width, size, hits = table
        landslide = sum(int(truth.sum()) for _, _, truth in cases)
        for seed, most, least, thin in product(seeds, greenest, smallest, thinnest):
            kept = (peak >= seed) & (green <= most) & (size >= least) & (width >= thin)
            f1 = 2 * hits[kept].sum() / max(1, size[kept].sum() + landslide)
            if f1 > best_f1:
                best_f1 = f1
                best = replace(best, candidate=candidate, seed=seed, greenest=most, smallest=least, thinnest=thin)
    return best


def _table(candidate: float, probability: NDArray[np.floating], image: NDArray[np.uint8], truth: Bools) -> Floats:
    """Peak, greenness, width, size and true pixels of each component, as five rows."""
    found = components(probability >= candidate, probability, image)
    hits = np.bincount(found.labels[truth], minlength=len(found.pixels) + 1)[1:]
    return np.stack([found.peak, found.green, found.width, found.pixels, hits]).astype(np.float64)
