"""A network as torch's graph, for everything that isn't torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.export import ExportedProgram

STEP = 32  # sides of windows are multiples of it, see `landslide_cli.tiling.grid.fitting_size`
EXAMPLE = (6 * STEP, 4 * STEP)


class Probability(nn.Module):
    """The network and the sigmoid after it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities ``(N, 1, H, W)`` of normalised pixels ``(N, C, H, W)``."""
        return torch.sigmoid(self.network(x))


def traced(network: nn.Module, *, bands: int, size: int | None) -> ExportedProgram:
    """The network as a graph for batches of any number.

    Args:
        network: Takes normalised pixels.
        bands: Bands of them.
        size: Side of the windows; None for sides of any multiple of 32.
    """
    # Traced with two and checked with one, so that a number written into the graph is found out.
    free = {0: torch.export.Dim("batch", min=1)}
    if size is None:
        free |= {axis: STEP * torch.export.Dim(f"side{axis}", min=2) for axis in (2, 3)}
    example = (torch.zeros(2, bands, *(EXAMPLE if size is None else (size, size))),)
    with torch.no_grad():
        program = torch.export.export(network, example, dynamic_shapes=(free,))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # tells where the code lies on this machine
    return program


@contextmanager
def fewer_words() -> Iterator[None]:
    """Keep from the user what only torch's own authors can mend."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    # It warns of each torchvision operator that it can't know.
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch 2.13 calls what it deprecates itself.
            warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(before)
