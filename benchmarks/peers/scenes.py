"""Scenes, TorchScript and the network's answers in one pass, for the comparison with other systems.

    python scenes.py FOLDER WEIGHTS [--size PIXELS] [--check-size PIXELS]

The synthetic scene of `landslide demo-scene` is placed so that its pixels measure 5 m: all systems then run the same
windows at the scene's own resolution, since only ours would resample. Written are `speed.tif`; `check.tif`, cut out of
a larger one, with the network's answer in one pass (`once.npy`) and in one pass over the larger scene (`beyond.npy`);
`collar.tif`, the same with a slanted collar of white nodata; `window.tif`, one window, and `window.npy`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from torch import Tensor, nn

from landslide_cli.demo import make_demo_scene
from landslide_cli.model.card import read_card
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import load_network

BEYOND = 128  # pixels of ground around the checked scene that only the reference sees
WINDOW = 512
WHITE = 255
PLACE = Affine(5, 0, 500_000, 0, -5, 2_950_000)

Image = NDArray[np.uint8]


class Deployed(nn.Module):
    """Raw pixels to probabilities, as it goes into TorchScript."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        card = read_card(weights.with_suffix(".json"))
        self.network = load_network(weights, card)
        self.normalise = Normalise(card.value_range, card.mean, card.std)

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.sigmoid(self.network(self.normalise(pixels)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--size", type=int, default=1536)
    parser.add_argument("--check-size", type=int, default=1024)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    network = Deployed(given.weights).eval()
    write_torchscript(network, given.folder / "network.torchscript")
    write(given.folder / "speed.tif", demo(given.size))
    larger = demo(given.check_size + 2 * BEYOND)
    inside = np.s_[..., BEYOND:-BEYOND, BEYOND:-BEYOND]
    scene, window = larger[inside], larger[inside][:, :WINDOW, :WINDOW]
    write(given.folder / "check.tif", scene)
    write(given.folder / "collar.tif", collared(scene), nodata=WHITE)
    write(given.folder / "window.tif", window)
    np.save(given.folder / "once.npy", answer(network, scene))
    np.save(given.folder / "beyond.npy", answer(network, larger)[inside])
    np.save(given.folder / "window.npy", answer(network, window))


def demo(size: int) -> Image:
    """The synthetic scene, shape ``(3, size, size)``; a black pixel, which some take for nodata, becomes a dark one."""
    image, _ = make_demo_scene(size, seed=7)
    return np.maximum(image.transpose(2, 0, 1), 1)


def collared(image: Image) -> Image:
    """White up to a slanted line on the left, as where an orthophoto ends."""
    rows, cols = np.indices(image.shape[1:])
    result = image.copy()
    result[:, cols + 0.3 * rows < 0.4 * image.shape[2]] = WHITE
    return result


def write(path: Path, image: Image, nodata: int | None = None) -> None:
    """Write a tiled GeoTIFF."""
    count, height, width = image.shape
    profile = {
        "driver": "GTiff", "height": height, "width": width, "count": count, "dtype": "uint8", "crs": "EPSG:32648",
        "transform": PLACE, "photometric": "rgb", "tiled": True, "compress": "deflate", "predictor": 2,
        "nodata": nodata,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as dst:
        dst.write(image)


@torch.inference_mode()
def answer(network: nn.Module, image: Image) -> NDArray[np.float32]:
    """Probabilities of a whole image in one pass, shape ``(height, width)``."""
    result: NDArray[np.float32] = network(torch.from_numpy(image.copy())[None])[0, 0].numpy()
    return result


@torch.inference_mode()
def write_torchscript(network: nn.Module, path: Path) -> None:
    """Trace the network; sizes that divide by its stride of 16 give what the network gives.

    Raises:
        ValueError: they don't.
    """
    traced = torch.jit.trace(network, torch.zeros(1, 3, 256, 256, dtype=torch.uint8))
    other = torch.randint(0, 256, (1, 3, 128, 320), dtype=torch.uint8)
    if not torch.allclose(traced(other), network(other), atol=1e-5):
        raise ValueError("the traced network answers otherwise for another size than it was traced with")
    traced.save(str(path))


if __name__ == "__main__":
    main()
