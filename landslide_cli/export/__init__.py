"""A model as one file for other programs, checked against torch before it gets its name.

All formats hold the same: normalised float32 pixels ``(N, bands, 512, 512)`` in, probabilities ``(N, 1, 512, 512)``
out, for any N. Height and width are fixed: pyramid pooling covers the whole window, and `detect` shows such windows.
OpenVINO's, which `detect` runs itself, takes every multiple of 32, since small scenes and chips get smaller windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from landslide_cli.engine.graphs import Probability, fewer_words, traced
from landslide_cli.engine.openvino_files import TOLERANCE
from landslide_cli.errors import ModelError, OutputError
from landslide_cli.export.formats import FORMATS
from landslide_cli.extras import need
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.model.card import ModelCard
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import find_model, load_network
from landslide_cli.prediction.plan import SIZE
from landslide_cli.typing import Float32


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written.

    Attributes:
        path: The file.
        model: Model id.
        difference: Largest difference in probability from torch on random pixels.
        file_bytes: Size of the file and of what is written beside it.
    """

    path: Path
    model: str
    difference: float
    file_bytes: int


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
        with fewer_words():
            form.write(traced(network, bands=len(card.bands), size=None if form.any_size else size), card, place)
        with torch.inference_mode():
            expected = network(torch.from_numpy(pixels)).numpy()
        difference = float(np.abs(form.run(place, pixels) - expected).max())
        # Written so that NaN doesn't pass.
        if not difference < TOLERANCE:
            raise ModelError(
                f"{path} was not written: its probabilities differ from torch's by {difference:.2g}, and "
                f"{TOLERANCE:g} is allowed; another version of torch or of the format's packages may help"
            )
    file_bytes = sum(path.with_suffix(ending).stat().st_size for ending in form.endings)
    return Exported(path, card.model_id, difference, file_bytes)


def random_pixels(card: ModelCard, size: int) -> Float32:
    """A normalised window of random values over the whole range of the card, shape ``(1, bands, size, size)``."""
    low, high = card.value_range
    values = np.random.default_rng(0).uniform(low, high, (1, len(card.bands), size, size))
    normalised: Float32 = Normalise(card.value_range, card.mean, card.std)(torch.from_numpy(values)).numpy()
    return normalised
