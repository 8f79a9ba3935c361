"""What the adapters share: the network as a peer gets it, and the glue from a mask to polygons."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from asked import Request
from torch import Tensor, nn

from landslide_cli.model.card import read_card
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import load_network

SIZE, OVERLAP = 512, 64  # of equal work: what `landslide detect` does by default


class Counted(nn.Module):
    """Passes pixels on to a network and counts them; what it answers for the first whole window can be kept."""

    def __init__(self, network: Callable[[Tensor], Tensor], record: Path | None = None) -> None:
        super().__init__()
        self.network = network
        self.passes = self.pixels = 0
        self._record = record

    def forward(self, x: Tensor) -> Tensor:
        y = self.network(x)
        if self._record and x.shape[-2:] == (SIZE, SIZE):
            torch.save(y[:1].clone(), self._record)
            self._record = None
        self.passes += 1
        self.pixels += x.shape[0] * x.shape[-2] * x.shape[-1]
        return y


class Probabilities(nn.Module):
    """Pixels as a peer gives them to probabilities ``(N, 1, H, W)``."""

    def __init__(self, network: nn.Module, normalise: nn.Module, channels_last: bool = False) -> None:
        super().__init__()
        self.network = network
        self.normalise = normalise
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        x = self.normalise(x)
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        return torch.sigmoid(self.network(x))


class Classes(nn.Module):
    """Probabilities to logits of two classes, of which the second is larger from the threshold on."""

    def __init__(self, probabilities: nn.Module, threshold: float) -> None:
        super().__init__()
        self.probabilities = probabilities
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.logit(self.probabilities(x), eps=1e-7) - torch.logit(torch.tensor(self.threshold))
        return torch.cat([torch.zeros_like(logits), logits], dim=1)


def network(given: Request, *, highest: float | None = 255.0) -> Probabilities:
    """The network as a module that users of a library would hand over.

    Args:
        given: Names the weights and the memory format.
        highest: Value that the peer gives for white; None where it normalises itself.
    """
    card = read_card(given.weights.with_suffix(".json"))
    trained = load_network(given.weights, card)
    if given.channels_last:
        trained = trained.to(memory_format=torch.channels_last)
    normalise = nn.Identity() if highest is None else Normalise((0.0, highest), card.mean, card.std)
    return Probabilities(trained, normalise, given.channels_last).eval()


def counted(given: Request, module: Callable[[Tensor], Tensor]) -> Counted:
    """A module that counts."""
    return Counted(module, given.out / "window.pt" if given.record else None)


def write_polygons(mask: Any, scene: Path, out: Path) -> Path:
    """The glue where a peer has no vectors: `rasterio.features.shapes` of the mask, written by geopandas."""
    import geopandas
    import numpy as np
    import rasterio
    from rasterio.features import shapes

    with rasterio.open(scene) as src:
        crs, transform = src.crs, src.transform
    mask = np.ascontiguousarray(mask, dtype=np.uint8)
    found = [
        {"type": "Feature", "properties": {"value": int(value)}, "geometry": geometry}
        for geometry, value in shapes(mask, mask=mask > 0, transform=transform)
    ]
    frame = geopandas.GeoDataFrame.from_features(found, columns=["value", "geometry"], crs=crs)
    path = out / "slides.gpkg"
    frame.to_file(path, driver="GPKG")
    return path


def save_probability(given: Request, probability: Any) -> None:
    """Keep the mosaic for the comparison with one pass, shape ``(height, width)``."""
    import numpy as np

    if given.probability:
        np.save(given.out / "probability.npy", np.asarray(probability, dtype=np.float32))


def tell(polygons: Path, package: str, counter: Counted) -> None:
    """Say what was done, as the last line of stdout."""
    row = {"polygons": str(polygons), "version": version(package)}
    print(json.dumps(row | {"passes": counter.passes, "pixels": counter.pixels}))
