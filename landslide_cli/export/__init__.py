"""A model as one file for other programs, checked against torch before it gets its name.

All formats hold the same: normalised float32 pixels ``(N, bands, 512, 512)`` in, probabilities ``(N, 1, 512, 512)``
out, for any N. Height and width are fixed: pyramid pooling covers the whole window, and `detect` shows such windows.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from landslide_cli.errors import ModelError, OutputError
from landslide_cli.export.formats import FORMATS, Pixels
from landslide_cli.extras import need
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.model.card import ModelCard
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.plan import SIZE

if TYPE_CHECKING:
    from torch.export import ExportedProgram

TOLERANCE = 1e-3  # largest difference in probability that passes for the same network


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written.

    Attributes:
        path: The file.
        model: Model id.
        difference: Largest difference in probability from torch on random pixels.
    """

    path: Path
    model: str
    difference: float


class Probability(nn.Module):
    """The network and the sigmoid after it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.network(x))


def export_model(
    model: str | Path, kind: str, out: Path | None = None, *, size: int = SIZE, overwrite: bool = False
) -> Exported:
    """Write a model for other programs.

    Args:
        model: Id of an installed model, or a ``.safetensors`` file with its card beside it.
        kind: ``onnx``, ``pt2`` or ``openvino``.
        out: File to write; the model's id with the format's ending by default.
        size: Side of the windows.
        overwrite: Replace a file that exists.

    Raises:
        ModelError: the model can't be loaded, or the written file says something else than torch.
        OutputError: the file can't be written.
        MissingExtraError: the format's extra isn't installed.
    """
    form = FORMATS[kind]
    weights, card = find_model(model)
    path = out or Path(card.model_id + form.endings[0])
    if path.suffix.lower() != form.endings[0]:
        raise OutputError(f"{path}: a file of format {kind} ends in {form.endings[0]}; name it so")
    for place in (path, *(path.with_suffix(ending) for ending in form.endings[1:])):
        refuse_unwritable(place, overwrite=overwrite)
    if form.needs:
        extra, *packages = form.needs
        need(*packages, extra=extra, purpose=f"--format {kind}")
    network = Probability(load_network(weights, card)).eval()
    pixels = random_pixels(card, size)
    with staged(path) as place:
        with _fewer_words():
            form.write(traced(network, bands=len(card.bands), size=size), card, place)
        with torch.inference_mode():
            expected = network(torch.from_numpy(pixels)).numpy()
        difference = float(np.abs(form.run(place, pixels) - expected).max())
        # Written so that NaN doesn't pass.
        if not difference < TOLERANCE:
            raise ModelError(
                f"{path} was not written: its probabilities differ from torch's by {difference:.2g}, and "
                f"{TOLERANCE:g} is allowed; another version of torch or of the format's packages may help"
            )
    return Exported(path, card.model_id, difference)


def traced(network: nn.Module, *, bands: int, size: int) -> ExportedProgram:
    """The network as a graph for windows of one size, in batches of any number."""
    # Traced with two and checked with one, so that a number written into the graph is found out.
    example = (torch.zeros(2, bands, size, size),)
    with torch.no_grad():
        program = torch.export.export(network, example, dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # tells where the code lies on this machine
    return program


def random_pixels(card: ModelCard, size: int) -> Pixels:
    """One normalised window of random values over the whole range of the card."""
    low, high = card.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, len(card.bands), size, size))
    normalised: Pixels = Normalise(card.value_range, card.mean, card.std)(torch.from_numpy(values)).numpy()
    return normalised


@contextmanager
def _fewer_words() -> Iterator[None]:
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
