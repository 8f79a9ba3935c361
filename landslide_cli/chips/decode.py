"""Decoding of chips: 8-bit colour out of PNG, JPEG and GeoTIFF, masks that must be binary, and the paper's one size.

rasterio is imported for GeoTIFFs only, and Pillow for everything else: cutting chips out of a scene needs no Pillow,
training on PNG and JPEG no rasterio.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landslide_cli.errors import LandslideError, MachineError, TrainingDataError
from landslide_cli.extras import need
from landslide_cli.foreign import as_ours
from landslide_cli.typing import Bools, Bytes, Pixels

if TYPE_CHECKING:
    from PIL import Image
    from rasterio.io import DatasetReader

TIFF_SUFFIXES = {".tif", ".tiff"}
LOSSY_SUFFIXES = {".jpg", ".jpeg"}
RGB = ("red", "green", "blue")
WIDE_MODES = {"I", "I;16", "I;16B", "F"}  # what Pillow calls more than eight bits
JPEG_NOISE = 48
# What a pixel of a truth is; UNKNOWN where nobody has looked, which is neither.
NOTHING, LANDSLIDE, UNKNOWN = 0, 1, 255
MOST_PIXELS = 1 << 26  # a chip is seen as a whole


def read_size(path: Path) -> tuple[int, int]:
    """Give ``(height, width)`` without decoding the pixels."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        with _open(path) as src:
            return int(src.height), int(src.width)
    with _image(path) as image:
        return image.height, image.width


def is_wide(path: Path) -> bool:
    """Whether the pixels don't fit eight bits, so that a scale must say what they mean."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        with _open(path) as src:
            return any(dtype != "uint8" for dtype in src.dtypes)
    with _image(path) as image:
        return image.mode in WIDE_MODES


def read_pixels(path: Path, scale: tuple[float, float] | None) -> Bytes:
    """Read an image: uint8, shape ``(height, width, 3)``.

    Of a GeoTIFF with more than three bands the colour interpretation chooses red, green and blue, else the
    first three are taken. A single band stands for all three colours.

    Args:
        path: The image.
        scale: Raw values that become 0 and 255; None for pixels that are 8-bit already.
    """
    if path.suffix.lower() in TIFF_SUFFIXES:
        with _open(path) as src:
            raw = src.read(_bands(src)).transpose(1, 2, 0)
        return stretched(raw, scale) if scale else np.ascontiguousarray(raw)
    with _image(path) as image:
        if scale is None:
            return np.asarray(image.convert("RGB"))
        raw = np.asarray(image if image.mode in WIDE_MODES else image.convert("RGB"))
    return stretched(raw if raw.ndim == 3 else np.repeat(raw[..., None], 3, axis=2), scale)


def stretched(raw: Pixels, scale: tuple[float, float]) -> Bytes:
    """Map ``scale`` to 0 … 255 by one line for all pixels of an array of any shape; what lies outside is clamped."""
    low, high = scale
    part = (raw.astype(np.float32) - low) / (high - low)
    return (part.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def read_truth(path: Path) -> Bytes:
    """Read a mask that `is_binary` lets through: ``NOTHING``, ``LANDSLIDE`` or ``UNKNOWN``, shape ``(height, width)``.

    Unknown is what a GeoTIFF declares as nodata, if that isn't 0, which many programs write into any mask.
    """
    values, nodata = _mask_values(path)
    landslide = values > 127 if path.suffix.lower() in LOSSY_SUFFIXES else values != 0
    truth = np.where(landslide, np.uint8(LANDSLIDE), np.uint8(NOTHING))
    if nodata:
        truth[values == nodata] = UNKNOWN
    return truth


def is_binary(path: Path) -> bool:
    """Whether a mask holds 0 and at most one other value beside nodata; of a JPEG, whether all lie near 0 or 255."""
    held, nodata = _mask_values(path)
    values = np.unique(held)
    if path.suffix.lower() in LOSSY_SUFFIXES:
        return bool(((values <= JPEG_NOISE) | (values >= 255 - JPEG_NOISE)).all())
    return int(np.count_nonzero(values[values != nodata] if nodata else values)) <= 1


def _mask_values(path: Path) -> tuple[NDArray[Any], float | None]:
    """The numbers of a mask, and what stands for no data in it."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        with _open(path) as src:
            return src.read(1), src.nodata
    with _image(path) as mask:
        # A palette's colours mean nothing; its numbers do.
        return np.asarray(mask if mask.mode in {"P", *WIDE_MODES} else mask.convert("L")), None


def _bands(src: DatasetReader) -> tuple[int, ...]:
    from rasterio.enums import ColorInterp

    from landslide_cli.scene.bands import choose_bands

    colours = [number for number, kind in enumerate(src.colorinterp, start=1) if kind != ColorInterp.alpha]
    return choose_bands(src, RGB, None) if len(colours) >= len(RGB) else (colours[0],) * len(RGB)


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    from landslide_cli.scene.opening import opened

    # Chips need no place on the map.
    with _readable(path), opened(path) as src:
        if src.width * src.height * src.count > 4 * MOST_PIXELS:
            raise TrainingDataError(f"{path} has {src.width} x {src.height} pixels, too many for a chip")
        yield src


@contextmanager
def _image(path: Path) -> Iterator[Image.Image]:
    need("PIL", extra="train", purpose=f"reading {path.name}")
    from PIL import Image

    with _readable(path), warnings.catch_warnings():
        # How large a chip may be is ours to say.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise TrainingDataError(f"{path} has {image.width} x {image.height} pixels, too many for a chip")
            yield image


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except LandslideError:
        raise
    except Exception as error:  # Pillow and GDAL have a dozen ways to say it
        ours = as_ours(error)
        if isinstance(ours, MachineError):
            raise ours from error
        raise TrainingDataError(f"{path} can't be read as an image: {' '.join(str(error).split())}") from error


def letterbox_image(image: Bytes, size: int) -> Bytes:
    """Fit uint8 pixels ``(height, width, 3)`` into ``(size, size, 3)``; the margin is zero.

    Zhou et al. 2024 feed every network 512×512: images are centred on a black square, larger ones shrunk, none
    enlarged.
    """
    height, width, top, left = placement(image.shape[0], image.shape[1], size)
    if (height, width) != image.shape[:2]:
        from PIL import Image

        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    square = np.zeros((size, size, image.shape[2]), dtype=np.uint8)
    square[top : top + height, left : left + width] = image
    return square


def letterbox_mask(mask: Bools, size: int) -> Bools:
    """Fit a mask, shape ``(height, width)``, as `letterbox_image` fits its image; the majority of each area wins."""
    grey = (mask * np.uint8(255))[..., None].repeat(3, axis=2)
    return letterbox_image(grey, size)[..., 0] > 127


def letterbox_truth(truth: Bytes, size: int) -> Bytes:
    """Fit a truth of `read_truth`, shape ``(height, width)``, as `letterbox_mask` does; margins hold no landslide."""
    fitted = letterbox_mask(truth == LANDSLIDE, size) * np.uint8(LANDSLIDE)
    fitted[letterbox_mask(truth == UNKNOWN, size)] = UNKNOWN
    return fitted


def placement(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Where an image lies on the square: ``(height, width, top, left)`` after shrinking."""
    zoom = min(1.0, size / max(height, width))
    fitted = max(1, round(height * zoom)), max(1, round(width * zoom))
    return *fitted, (size - fitted[0]) // 2, (size - fitted[1]) // 2
