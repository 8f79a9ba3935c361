"""Engines and precisions side by side on the windows of one network, in one run.

    python benchmarks/engines.py [--model ID|FILE] [--size 512] [--windows 3] [--rounds 3] [--threads N] [ENGINE ...]

The engines take turns, so that a machine that is busy at times is busy for all, and the median round counts. Factors
are against torch in float32 as it is usually run: no channels_last, no folded batch norm. The largest difference of a
probability from that is over all windows. `compiled` takes a minute or two to start; int8 is there where the model
has it. With --cpu-time seconds are the processor's: on one thread of a busy machine they say more.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landslide_cli.demo import make_demo_scene
from landslide_cli.engine import Engine
from landslide_cli.engine.choice import find_openvino_model, int8_path
from landslide_cli.engine.compiling import from_windows
from landslide_cli.engine.openvino_engine import OpenVINOEngine
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.extras import installed
from landslide_cli.model.card import ModelCard
from landslide_cli.model.normalise import Normalise
from landslide_cli.model.weights import DEFAULT_MODEL, find_model, load_network

Ask = Callable[[NDArray[Any]], NDArray[np.float32]]
NAMES = ("usual", "torch-float32", "torch-bfloat16", "compiled-float32", "compiled-bfloat16",
         "openvino-float32", "openvino-bfloat16", "openvino-int8")  # fmt: skip
QUICK = tuple(name for name in NAMES if "compiled" not in name)


@dataclass
class Measured:
    """Seconds of an engine: for its making, its first window, and each window in each round."""

    name: str
    ask: Ask
    made: float
    first: float = 0.0
    rounds: list[float] = field(default_factory=list)
    difference: float = 0.0

    @property
    def seconds(self) -> float:
        return float(np.median(self.rounds))


def usual(weights: Path, card: ModelCard) -> Ask:
    """The network as torch runs it if nobody does anything."""
    network, normalise = load_network(weights, card), Normalise(card.value_range, card.mean, card.std)

    @torch.inference_mode()
    def ask(pixels: NDArray[Any]) -> NDArray[np.float32]:
        return torch.sigmoid(network(normalise(torch.from_numpy(pixels))))[:, 0].numpy()

    return ask


def make(name: str, weights: Path, card: ModelCard, size: int) -> Ask:
    """An engine by its name."""
    if name == "usual":
        return usual(weights, card)
    kind, precision = name.split("-")
    engine: Engine
    if kind == "openvino":
        engine = OpenVINOEngine(find_openvino_model(weights, card, precision), precision=precision)
    else:
        network = load_network(weights, card)
        engine = TorchEngine(network, mean=card.mean, std=card.std, device="cpu", precision=precision)
    # So many windows pay for compiling.
    engine.prepare(size, from_windows() if kind == "compiled" else 1)
    return lambda pixels: engine(pixels, card.value_range)


def measure(
    names: list[str],
    weights: Path,
    card: ModelCard,
    *,
    size: int,
    windows: int,
    rounds: int,
    clock: Callable[[], float],
) -> list[Measured]:
    """Let the engines take turns."""

    def timed(call: Callable[[], Any]) -> tuple[float, Any]:
        start = clock()
        result = call()
        return clock() - start, result

    scene, _ = make_demo_scene(size * 2, 7)
    starts = np.random.default_rng(0).integers(0, size, (windows, 2))
    pixels = [np.ascontiguousarray(scene[r : r + size, c : c + size].transpose(2, 0, 1)[None]) for r, c in starts]
    engines = []
    for name in names:
        made, ask = timed(lambda name=name: make(name, weights, card, size))
        engines.append(Measured(name, ask, made))
        engines[-1].first, _ = timed(lambda ask=ask: ask(pixels[0]))
    for _ in range(rounds):
        answers: list[list[NDArray[np.float32]]] = []
        for engine in engines:
            spent, answer = timed(lambda engine=engine: [engine.ask(window) for window in pixels])
            engine.rounds.append(spent / windows)
            answers.append(answer)
    for engine, answer in zip(engines, answers, strict=True):
        engine.difference = float(np.abs(np.stack(answer) - np.stack(answers[0])).max())
    return engines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"of {', '.join(NAMES)}; all but compiled")
    given = parser.parse_args()
    if given.threads:  # OpenVINO goes by the cores that the process may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
        torch.set_num_threads(given.threads)
    weights, card = find_model(given.model)
    names = list(dict.fromkeys(["usual", *(given.engines or QUICK)]))
    if not installed("openvino"):
        names = [name for name in names if "openvino" not in name]
    if not int8_path(weights).is_file():
        names = [name for name in names if "int8" not in name]
    cores = len(os.sched_getaffinity(0))
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "openvino", "numpy") if installed(name))
    clock = time.process_time if given.cpu_time else time.perf_counter
    unit = "processor time" if given.cpu_time else "time"
    print(
        f"{card.model_id} ({card.network}), {given.windows} windows of {given.size}², {cores} core{'s' * (cores > 1)}"
    )
    print(f"Median {unit} of {given.rounds} rounds; Python {platform.python_version()}, {packages}")
    found = measure(names, weights, card, size=given.size, windows=given.windows, rounds=given.rounds, clock=clock)
    print(f"{'engine':<20}{'start s':>9}{'first s':>9}{'s/window':>10}{'factor':>8}{'difference':>12}")
    for one in found:
        print(f"{one.name:<20}{one.made:>9.2f}{one.first:>9.2f}{one.seconds:>10.3f}"
              f"{found[0].seconds / one.seconds:>8.2f}{one.difference:>12.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
