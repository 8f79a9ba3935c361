"""Whether each network can learn at all: two chips by heart, at reduced size.

    python benchmarks/overfit.py [NETWORK ...]

Trains on two chips of the synthetic demo scene until their pooled F1, in eval mode, exceeds 0.95, and prints
after how many steps and seconds that was. A network that doesn't get there has a broken path for its gradients.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landslide_cli.demo import make_demo_scene
from landslide_cli.metrics.scores import Scores
from landslide_cli.networks.registry import NETWORKS, build_network
from landslide_cli.training.losses import bce_dice_loss

SIZE = 64
GOAL = 0.95
# Networks whose width can be chosen; the others keep the size that the paper counts. ResU-Net of width 8 makes
# torch 2.13 crash in a convolution on the CPU ("double free"), which 12 and 16 don't.
NARROW = {"msasnet": 8, "unet": 8, "unet-ca": 8, "unet-cbam": 8, "unet-psp": 8, "ldlaim": 8, "resunet-obia": 16,
          "drs-unet": 8}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Learnt:
    """How far a network came, and what it took."""

    f1: float
    steps: int
    seconds: float


def overfit(name: str, *, limit: int = 400, every: int = 20) -> Learnt:
    """Train one network on two chips for at most ``limit`` steps, looking at F1 every few."""
    start = time.perf_counter()
    torch.manual_seed(0)
    pixels, truth = (part.contiguous(memory_format=torch.channels_last) for part in two_chips())
    arguments: dict[str, Any] = {"width": NARROW[name]} if name in NARROW else {}
    network = build_network(name, **arguments).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    f1 = 0.0
    for step in range(1, limit + 1):
        network.train()
        optimizer.zero_grad()
        bce_dice_loss(network(pixels), truth, torch.ones_like(truth)).backward()
        optimizer.step()
        if step % every == 0:
            f1 = score(network, pixels, truth)
            if f1 > GOAL:
                break
    return Learnt(f1, step, time.perf_counter() - start)


@torch.no_grad()
def score(network: torch.nn.Module, pixels: Tensor, truth: Tensor) -> float:
    """Pooled F1 at 0.5."""
    found = network.eval()(pixels) > 0
    return Scores.of(found.numpy(), truth.numpy() > 0).f1


def two_chips() -> tuple[Tensor, Tensor]:
    """The two windows of a synthetic scene whose landslide share is nearest to a quarter."""
    image, scars = make_demo_scene(512, seed=3)
    windows = [np.s_[row : row + SIZE, col : col + SIZE] for row in range(0, 512, SIZE) for col in range(0, 512, SIZE)]
    chosen = sorted(windows, key=lambda window: abs(scars[window].mean() - 0.25))[:2]
    pixels = np.stack([image[window] for window in chosen]).transpose(0, 3, 1, 2) / 255
    truth = np.stack([scars[window] for window in chosen])[:, None]
    centred = (pixels - pixels.mean(axis=(0, 2, 3), keepdims=True)) / pixels.std(axis=(0, 2, 3), keepdims=True)
    return torch.from_numpy(centred).float(), torch.from_numpy(truth).float()


def main(*names: str) -> int:
    failed = 0
    torch.set_num_threads(1)  # such small convolutions lose more by waiting for each other than they gain
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, two chips of {SIZE} x {SIZE}")
    for name in names or NETWORKS:
        learnt = overfit(name)
        failed += learnt.f1 <= GOAL
        print(f"{name:<14} F1 {learnt.f1:.4f} after {learnt.steps:3d} steps, {learnt.seconds:5.1f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
