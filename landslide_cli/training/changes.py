"""Changes a whole batch of training crops on the device that trains, as `landslide_cli.training.augment` drew them.

The order is that in which light reaches a sensor and pixels a file: geometry, stretch, colour, haze, blur, noise, JPEG,
grey levels; then holes and pasted boxes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from landslide_cli.training.augment import Changes
from landslide_cli.training.cache import IGNORED, LANDSLIDE

BLUR = 4  # pixels to each side that a blur reaches
EDGE, CORNER, STRIPES, DISC = 1, 2, 3, 4  # kinds of ground without pixels

# ITU-T T.81 (JPEG), annex K: quantization of luminance and of chrominance.
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


class Crops(NamedTuple):
    """What a training step takes.

    Attributes:
        pixels: float32, ``(N, 3, S, S)``, 0 to 255.
        truth: float32, ``(N, 1, S, S)``, 1 where there is landslide.
        weight: float32, ``(N, 1, S, S)``, 0 where nobody knows.
    """

    pixels: Tensor
    truth: Tensor
    weight: Tensor


@torch.no_grad()
def change(windows: Tensor, changes: Changes, *, size: int, fill: Tensor, seed: int) -> Crops:
    """Make crops of windows.

    Args:
        windows: uint8, ``(N, W, W, 4)``: red, green, blue and truth as in `landslide_cli.training.cache`.
        changes: What is done to each, as tensors on the same device.
        size: Side of the crops.
        fill: What ground without pixels is filled with, ``(3,)``, 0 to 255.
        seed: Of the noise.
    """
    pixels, truth, weight = _placed(windows, changes.geometry, size)
    pixels = _lit(pixels, changes)
    pixels = _softened(pixels, changes.sharpness, seed)
    hole = _holes(changes.collar, size)
    pixels = torch.where(hole, fill[:, None, None], (pixels * 255).round())
    weight = weight * ~hole
    if changes.box.any():
        pasted = _in_box(changes.box, size)
        pixels, truth, weight = (torch.where(pasted, x.roll(1, dims=0), x) for x in (pixels, truth, weight))
    return Crops(pixels, truth, weight)


def _placed(windows: Tensor, geometry: Tensor, size: int) -> Crops:
    """Cut, turn and scale; pixels come between 0 and 1."""
    raw = windows.permute(0, 3, 1, 2).float()
    colours, marks = raw[:, :3] / 255, raw[:, 3:]
    ignored = (marks == IGNORED).float()
    layers = torch.cat([colours, marks / LANDSLIDE * (1 - ignored), ignored], dim=1)
    side = windows.shape[1]
    steps = torch.arange(size, device=windows.device) + 0.5 - size / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)  # (S, S, 3)
    grid = torch.einsum("nik,yxk->nyxi", geometry, places) * (2 / side) - 1
    placed = F.grid_sample(layers, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return Crops(placed[:, :3], (placed[:, 3:4] > 0.5).float(), (placed[:, 4:] < 0.5).float())


def _lit(pixels: Tensor, changes: Changes) -> Tensor:
    """Stretch, gamma, gains, saturation, contrast, brightness, darkness, grey and haze."""

    def each(values: Tensor) -> Tensor:
        return values[..., None, None]

    low, high = changes.ends[:, 0], changes.ends[:, 1]
    pixels = ((pixels - each(low)) / each(high - low)).clamp(0, 1)
    gamma, saturation, contrast, brightness, dark, grey = (changes.light[:, None, n, None, None] for n in range(6))
    pixels = pixels**gamma * each(changes.gains)
    mean = pixels.mean(dim=1, keepdim=True)
    pixels = mean + (pixels - mean) * (saturation * (1 - grey))
    middle = pixels.mean(dim=(1, 2, 3), keepdim=True)
    pixels = (middle + (pixels - middle) * contrast + brightness) * dark
    amount = changes.veil[:, 3:, None, None]
    return (pixels * (1 - amount) + each(changes.veil[:, :3]) * amount).clamp(0, 1)


def _softened(pixels: Tensor, sharpness: Tensor, seed: int) -> Tensor:
    """Blur, noise, JPEG and grey levels, each of the crops that have it."""
    sigma, noise, quality, levels = sharpness.unbind(dim=1)
    chosen = sigma > 0
    if chosen.any():
        pixels[chosen] = _blurred(pixels[chosen], sigma[chosen])
    if noise.any():
        generator = torch.Generator(pixels.device).manual_seed(seed)
        grain = torch.randn(pixels.shape, generator=generator, device=pixels.device)
        pixels = pixels + grain * noise[:, None, None, None]
    chosen = quality > 0
    if chosen.any():
        pixels[chosen] = as_jpeg(pixels[chosen].clamp(0, 1), quality[chosen])
    steps = torch.where(levels > 0, levels.round(), 255)[:, None, None, None]
    return (pixels.clamp(0, 1) * steps).round() / steps


def _blurred(pixels: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of ``(N, 3, S, S)`` by N standard deviations in pixels."""
    count, bands, size, _ = pixels.shape
    offsets = torch.arange(-BLUR, BLUR + 1, device=pixels.device)
    kernel = torch.exp(-((offsets / sigma[:, None]) ** 2) / 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(bands, dim=0)  # (3N, 9)
    flat = F.pad(pixels.reshape(1, count * bands, size, size), (BLUR,) * 4, mode="reflect")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=count * bands)
    return F.conv2d(flat, kernel[:, None, None, :], groups=count * bands).reshape(pixels.shape)


def as_jpeg(pixels: Tensor, quality: Tensor) -> Tensor:
    """What JPEG leaves of ``(N, 3, S, S)`` between 0 and 1, without subsampling; qualities ``(N,)`` from 1 to 100.

    The tables of T.81, annex K, scaled as the Independent JPEG Group's library does.
    """
    size = pixels.shape[-1]
    padded = F.pad(pixels, (0, -size % 8, 0, -size % 8), mode="replicate")
    turn = torch.tensor(TO_YCBCR, device=pixels.device)
    wave = torch.arange(8, device=pixels.device)
    cosines = torch.cos((2 * wave[None] + 1) * wave[:, None] * math.pi / 16) / 2
    cosines[0] /= math.sqrt(2)
    tables = torch.tensor((LUMINANCE, CHROMINANCE, CHROMINANCE), dtype=torch.float32, device=pixels.device)
    factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50)[:, None, None, None]
    tables = (tables * factor).round().clamp(1, 255)[:, :, None, :, None, :]  # (N, 3, 1, 8, 1, 8)
    centred = torch.einsum("dc,nchw->ndhw", turn, padded * 255)
    centred[:, 0] -= 128
    blocks = centred.reshape(*centred.shape[:2], centred.shape[2] // 8, 8, centred.shape[3] // 8, 8)
    waves = torch.einsum("ui,vj,ncyixj->ncyuxv", cosines, cosines, blocks)
    waves = (waves / tables).round() * tables
    blocks = torch.einsum("ui,vj,ncyuxv->ncyixj", cosines, cosines, waves)
    centred = blocks.reshape(centred.shape)
    centred[:, 0] += 128
    back = torch.einsum("cd,ndhw->nchw", torch.linalg.inv(turn), centred) / 255
    return back[..., :size, :size].clamp(0, 1)


def _holes(collar: Tensor, size: int) -> Tensor:
    """Where each crop has no pixels: bool, ``(N, 1, S, S)``."""
    kind, one, other, position, period = (collar[:, n, None, None, None] for n in range(5))
    steps = torch.arange(size, device=collar.device) + 0.5 - size / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    along = x * one.cos() + y * one.sin()
    across = x * other.cos() + y * other.sin()
    return (
        ((kind == EDGE) & (along > position))
        | ((kind == CORNER) & (along > position) & (across > 0))
        | ((kind == STRIPES) & ((along % period) < period * (0.1 + position.abs() / size / 2)))
        | ((kind == DISC) & ((x**2 + y**2).sqrt() > size * 0.3 + position.abs()))
    )


def _in_box(box: Tensor, size: int) -> Tensor:
    left, top, right, bottom = (box[:, n, None, None, None] for n in range(4))
    steps = torch.arange(size, device=box.device)
    inside: Tensor = (steps >= left) & (steps < right) & (steps[:, None] >= top) & (steps[:, None] < bottom)
    return inside
