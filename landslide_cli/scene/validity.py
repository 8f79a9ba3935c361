"""Which pixels of a scene hold data, by all that its file tells of it together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landslide_cli.scene.bands import alpha_bands
from landslide_cli.typing import Bools, Pixels

Nodata = float | str | None
# Values that programs write where nothing was measured, and no camera gives.
MARKERS = (-9999.0, -99999.0, -999.0, -32768.0, -32767.0, float(np.finfo(np.float32).min), float(np.finfo("f8").min))
# A collar is told of from these parts of the outline and of the scene on.
LEAST_OUTLINE = 0.05
LEAST_SHARE = 0.01
# Part of the pixels of a collar whose right neighbour is the same: no noise of a sensor stops in shadow or snow.
SOLID = 0.8
# A map of classes or a drawing is made of solid areas; what is solid in it tells nothing.
DRAWN = 0.5


@dataclass(frozen=True)
class ValidData:
    """The pixels without data, by all that a file tells of them.

    A pixel is valid where the mask, every alpha band and the nodata value agree that it is.

    Attributes:
        src: The open raster.
        bands: Numbers of the bands that are read.
        nodata: Value that stands for no data in all bands, in place of the file's own; ``none`` for no value at all;
            None for the file's own.
        alphas: Numbers of the alpha bands, wherever they lie, but for those that are read as data.
        masked: Whether a mask of the file's own belongs to the bands.
    """

    src: DatasetReader
    bands: tuple[int, ...]
    nodata: Nodata = None
    alphas: tuple[int, ...] = field(init=False)
    masked: bool = field(init=False)

    def __post_init__(self) -> None:
        # Asked once: rasterio answers for all bands of the file each time.
        alphas = tuple(band for band in alpha_bands(self.src) if band not in self.bands)
        flags = self.src.mask_flag_enums
        # GDAL tells of one kind alone: a mask hides a nodata value, and that hides an alpha band.
        masked = any(MaskFlags.per_dataset in flags[band - 1] for band in self.bands)
        object.__setattr__(self, "alphas", alphas)
        object.__setattr__(self, "masked", masked)

    @cached_property
    def _declared(self) -> list[float | None]:
        """The nodata value of each band that is read."""
        if self.nodata is not None:
            return [None if isinstance(self.nodata, str) else self.nodata] * len(self.bands)
        declared = self.src.nodatavals
        return [declared[band - 1] for band in self.bands]

    def of(self, image: Pixels, window: Window) -> Bools:
        """Valid pixels of a window whose bands were read, shape ``(height, width)``."""
        valid: Bools = np.ones(image.shape[1:], dtype=bool)
        if self.masked:
            valid &= self.src.read_masks(self.bands[0], window=window) > 0
        if all(value is not None for value in self._declared):
            valid &= ~holding(image, self._declared)
        for alpha in self.alphas:
            valid &= self.src.read(alpha, window=window) > 0
        return valid

    def anywhere(self, window: Window) -> Bools:
        """Pixels of a window where any band of the file holds data, shape ``(height, width)``."""
        valid: Bools = self.src.dataset_mask(window=window) > 0
        for alpha in self.alphas:
            valid &= self.src.read(alpha, window=window) > 0
        return valid


def holding(image: Pixels, values: Sequence[float | None]) -> Bools:
    """Where each band of ``image``, shape ``(bands, height, width)``, holds its value."""
    held: Bools = np.ones(image.shape[1:], dtype=bool)
    for band, value in zip(image, values, strict=True):
        held &= equal(band, value)
    return held


def equal(pixels: Pixels, value: float | None) -> Bools:
    """Where pixels of any shape hold a value, which may have been rounded on its way into the file or its tag."""
    nothing: Bools = np.zeros(pixels.shape, dtype=bool)
    if value is None or not np.isfinite(value):
        return nothing  # what isn't a finite number is never valid anyway
    if pixels.dtype.kind != "f":
        limits = np.iinfo(pixels.dtype.str)
        fits = float(value).is_integer() and limits.min <= value <= limits.max
        same: Bools = pixels == pixels.dtype.type(int(value)) if fits else nothing
        return same
    with np.errstate(over="ignore", invalid="ignore"):
        close: Bools = np.abs(pixels.astype(np.float64) - value) <= abs(value) * 1e-6
    return close


def is_marker(pixels: Pixels) -> Bools:
    """Where pixels of any shape hold one of `MARKERS`."""
    found: Bools = np.zeros(pixels.shape, dtype=bool)
    for marker in MARKERS:
        found |= equal(pixels, marker)
    return found


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A value that looks as if it stood for no data, though the file doesn't say so.

    Attributes:
        values: The value in each band.
        share: Part of the scene that holds it.
        where: How it lies there.
    """

    values: tuple[float, ...]
    share: float
    where: str

    @property
    def value(self) -> float | None:
        """The value, where it is the same in all bands."""
        return self.values[0] if len(set(self.values)) == 1 else None


@dataclass(frozen=True, slots=True)
class Probe:
    """Pixels of a small window that were read to know a scene: bands, validity, and where the scene's outline is."""

    image: Pixels
    valid: Bools
    outline: Bools


def undeclared(probes: Iterable[Probe]) -> Undeclared | None:
    """Look for a value that stands for no data without being declared.

    It is one of `MARKERS`, or it fills a solid part along the outline of the scene, as a collar does.
    """
    kept = list(probes)
    pixels = sum(probe.valid.size for probe in kept)
    for marker in MARKERS:
        held = sum(int((holding(probe.image, [marker] * len(probe.image)) & probe.valid).sum()) for probe in kept)
        if held and held < pixels:
            return Undeclared((marker,) * len(kept[0].image), held / pixels, "that stands for missing data elsewhere")
    return _collar(kept, pixels) or _gap(kept, pixels)


def _collar(probes: Sequence[Probe], pixels: int) -> Undeclared | None:
    edges = np.concatenate([probe.image[:, probe.outline & probe.valid] for probe in probes], axis=1)
    if edges.shape[1] == 0:
        return None
    colours, counts = np.unique(edges, axis=1, return_counts=True)
    most = int(counts.argmax())
    outline = sum(int(probe.outline.sum()) for probe in probes)
    if counts[most] < LEAST_OUTLINE * outline:
        return None
    colour = colours[:, most]
    inside = [holding(probe.image, colour.tolist()) & probe.valid for probe in probes]
    held = sum(int(where.sum()) for where in inside)
    if not LEAST_SHARE * pixels <= held < pixels:
        return None
    if not _is_filled(probes, inside):
        return None
    return Undeclared(tuple(float(value) for value in colour), held / pixels, "along its border")


def _gap(probes: Sequence[Probe], pixels: int) -> Undeclared | None:
    """Solid areas of what a file is filled with where nothing is written: 0, or the most that 16 bits hold."""
    for fill in (0.0, 65535.0):
        inside = [holding(probe.image, [fill] * len(probe.image)) & probe.valid for probe in probes]
        held = sum(int(where.sum()) for where in inside)
        if LEAST_SHARE * pixels <= held < pixels and _is_filled(probes, inside):
            return Undeclared((fill,) * len(probes[0].image), held / pixels, "in solid areas")
    return None


def _is_filled(probes: Sequence[Probe], inside: Sequence[Bools]) -> bool:
    """Whether some pixels are solid and the others aren't."""
    return _solid(probes, inside) >= SOLID and _solid(probes, [~where for where in inside]) <= DRAWN


def _solid(probes: Sequence[Probe], parts: Sequence[Bools]) -> float:
    """Part of the pixels in ``parts`` whose right neighbour is the same in all bands."""
    same = pairs = 0
    for probe, part in zip(probes, parts, strict=True):
        beside = part[:, :-1] & probe.valid[:, :-1]
        same += int(((probe.image[:, :, :-1] == probe.image[:, :, 1:]).all(axis=0) & beside).sum())
        pairs += int(beside.sum())
    return same / pairs if pairs else 0.0
