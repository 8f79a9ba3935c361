"""A model in int8 for OpenVINO: quantized after training on real chips, and judged on others."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from landslide_cli.engine import Engine
from landslide_cli.engine.openvino_engine import OpenVINOEngine
from landslide_cli.engine.openvino_files import converted, import_openvino, save
from landslide_cli.errors import EvaluationError, OutputError, counted
from landslide_cli.evaluation.chips import Viewed, judge_views, plan_views
from landslide_cli.evaluation.summary import summarise
from landslide_cli.extras import need
from landslide_cli.files import refuse_unwritable, staged
from landslide_cli.model.card import ModelCard
from landslide_cli.model.openvino import OpenVINOModel, read_openvino_model
from landslide_cli.model.weights import find_model
from landslide_cli.prediction.image import predict_image
from landslide_cli.prediction.plan import SIZE
from landslide_cli.typing import Float32, OnNote, Pixels

log = logging.getLogger(__name__)

WINDOWS = 300  # by which the ranges of activations are measured; nncf's own number


@dataclass(frozen=True, slots=True)
class Quantized:
    """A file that was written.

    Attributes:
        path: The ``.xml``.
        model: Model id.
        windows: Windows by which it was quantized.
        judged: Validation chips that it was judged on.
        f1: Pooled F1 there; None without such chips, as for the other two.
        f1_float32: The same of the network in float32.
        f1_loss: Their difference, which stands in the file.
    """

    path: Path
    model: str
    windows: int
    judged: int
    f1: float | None
    f1_float32: float | None
    f1_loss: float | None


def export_int8(
    model: str | Path,
    chips: Sequence[Path],
    out: Path | None = None,
    *,
    pixel_size: Sequence[float] = (),
    overwrite: bool = False,
    on_progress: OnNote | None = None,
) -> Quantized:
    """Quantize a model by the ranges that its activations have on chips, and measure what that costs.

    Chips of the card's test groups aren't looked at. Those of its validation groups judge; all others quantize.

    Args:
        model: Id of an installed model, or a ``.safetensors`` file with its card beside it.
        chips: Folders as `landslide_cli.evaluation.chips.evaluate_chips` takes them.
        out: File to write, ``.xml``; ``ID.int8.xml`` by default. Beside the weights ``--precision int8`` finds it.
        pixel_size: As for `evaluate_chips`.
        overwrite: Replace a file that exists.
        on_progress: Called with what is done and in all, and a note.

    Raises:
        LandslideError: with a message that says what to do.
    """
    need("openvino", "platformdirs", extra="openvino", purpose="--format openvino")
    need("nncf", extra="quantize", purpose="--int8")
    need("PIL", extra="quantize", purpose="--int8")
    weights, card = find_model(model)
    path = out or Path(f"{card.model_id}.int8.xml")
    if path.suffix.lower() != ".xml":
        raise OutputError(f"{path}: a file of format openvino ends in .xml; name it so")
    for place in (path, path.with_suffix(".bin")):
        refuse_unwritable(place, overwrite=overwrite)
    learning, judging = _split(plan_views(chips, card, pixel_size=pixel_size), card)
    whole = converted(weights, card)
    windows = _windows(learning, card.value_range, on_progress)
    graph = _quantize(whole, windows)
    with staged(path) as place:
        save(graph, card, place, precision="int8")
        f1 = f1_float32 = loss = None
        if judging:
            f1_float32 = _f1(_engine(whole, "float32"), judging, card, on_progress)
            f1 = _f1(_engine(read_openvino_model(place), "int8"), judging, card, on_progress)
            loss = f1_float32 - f1
            save(graph, card, place, precision="int8", f1_loss=loss)
    return Quantized(path, card.model_id, len(windows), len(judging), f1, f1_float32, loss)


def _split(views: list[Viewed], card: ModelCard) -> tuple[list[Viewed], list[Viewed]]:
    """Chips to quantize by and chips to judge by."""
    held_out = {part: card.training.get(f"{part}_groups", ()) for part in ("validation", "test")}
    parts: dict[str, list[Viewed]] = {"": [], "validation": [], "test": []}
    for view in views:
        names = (part for part, groups in held_out.items() if any(fnmatch(view.chip.group, g) for g in groups))
        parts[next(names, "")].append(view)
    if not parts[""]:
        raise EvaluationError("all chips are of validation or test groups; int8 needs chips of other groups as well")
    return parts[""], parts["validation"]


def _engine(model: OpenVINOModel, precision: str) -> OpenVINOEngine:
    engine = OpenVINOEngine(model, precision=precision)
    engine.prepare(SIZE, 1)
    return engine


def _windows(views: list[Viewed], value_range: tuple[float, float], on_progress: OnNote | None) -> list[Pixels]:
    """Windows as `detect` would see them, spread evenly over the chips."""
    chosen = [views[number] for number in np.linspace(0, len(views) - 1, min(WINDOWS, len(views))).astype(int)]
    listener = _Listener()
    for number, view in enumerate(chosen, 1):
        predict_image(listener, view.chip.read_image(), value_range, view.zoom)
        if on_progress:
            on_progress(number, len(chosen), f"chips read: {number} of {len(chosen)}")
    heard = listener.heard
    return [heard[number] for number in np.linspace(0, len(heard) - 1, min(WINDOWS, len(heard))).astype(int)]


class _Listener(Engine):
    """An engine that keeps what it is asked about."""

    name, device, precision = "listener", "cpu", "float32"

    def __init__(self) -> None:
        self.heard: list[Pixels] = []

    def __call__(self, pixels: Pixels, value_range: tuple[float, float]) -> Float32:
        self.heard.append(pixels)
        return np.zeros((1, *pixels.shape[-2:]), dtype=np.float32)


def _quantize(model: OpenVINOModel, windows: list[Pixels]) -> Any:
    openvino = import_openvino()  # before nncf, which would report to its makers through the same package
    import nncf
    from nncf.quantization.advanced_parameters import OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    log.info("quantizing %s by %s", model.card.model_id, counted(len(windows), "window"))
    logging.getLogger("nncf").setLevel(logging.ERROR)
    engine = _engine(model, "float32")
    data = nncf.Dataset(windows, lambda pixels: engine.normalised(pixels, model.card.value_range))

    graph = openvino.Core().read_model(model.path)
    # Its bars go to stdout, which is for results. Ranges are means of the windows' least and greatest values: the full
    # network kept its F1 with them, with histograms or the extremes over 300 windows it fell from 0.8 to 0.2 and below,
    # since a few windows have values many times those of others.
    # Weights get half of the range: a CPU without VNNI (AMD's before Zen 4, many of Intel's before 2021) adds two
    # products in 16 bits, which overflow with whole weights; the demo scene had 42 landslides there in place of 109.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        return nncf.quantize(
            graph,
            data,
            subset_size=len(windows),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            ignored_scope=nncf.IgnoredScope(names=_delicate(graph)),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MEAN_MINMAX,
                overflow_fix=OverflowFix.ENABLE,
            ),
        )


def _delicate(graph: Any) -> list[str]:
    """Convolutions that stay as they are, less than a hundredth of the work: the first and the delicate ones.

    Delicate are those with a single channel (spatial attention, the head): of the first weights int8 cost 0.006 of F1
    with them, 0.001 without. And those of whole windows pooled to a few values (pyramid pooling, channel attention),
    which decide on every pixel: on windows of 512, larger than chips are, the landslides of the weights of half width
    differed from those of float32 by 10 % of their area with them, by 3 % without.
    """
    kinds = ("Convolution", "ConvolutionBackpropData")
    first, *others = (node for node in graph.get_ordered_ops() if node.get_type_name() in kinds)
    shapes = [(node, node.get_output_partial_shape(0)) for node in others]
    delicate = [
        node for node, shape in shapes if shape[1].get_length() == 1 or (shape[2].is_static and shape[3].is_static)
    ]
    return [node.get_friendly_name() for node in (first, *delicate)]


def _f1(engine: OpenVINOEngine, views: list[Viewed], card: ModelCard, on_progress: OnNote | None) -> float:
    """Pooled F1 on chips."""

    def tell(done: int, total: int) -> None:
        if on_progress:
            on_progress(done, total, f"judging {engine.precision}: {done / 1e6:.1f} of {total / 1e6:.1f} Mpx")

    judged = list(
        judge_views(
            engine, views, value_range=card.value_range, threshold=card.threshold, tolerance=0, on_progress=tell
        )
    )
    return summarise(judged).pooled.f1
