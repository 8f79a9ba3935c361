"""A card: windows a second by batch and precision, memory, and what happens when memory is out.

    python benchmarks/cuda.py [WIDTH]

Random weights of MsASNet at WIDTH (64 unless given), windows of 512×512 of random pixels, raw uint8 in and
probabilities out. At the end 64 windows are asked for with 6 GiB allowed. Needs torch and a CUDA card, not rasterio.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from landslide_cli.engine.batch_size import Halving, probed_batch_size
from landslide_cli.engine.torch_engine import TorchEngine
from landslide_cli.networks.registry import build_network

RANGE = (0.0, 255.0)
ALLOWED = 6 << 30
WINDOWS = 128  # timed, at least three batches of them


def make(width: int, precision: str, batch: int) -> TorchEngine:
    network = build_network("msasnet", width=width).eval()
    return TorchEngine(network, mean=(0.4,) * 3, std=(0.2,) * 3, batch_size=batch, device="cuda", precision=precision)


def rate(call: Callable[[], object], batch: int) -> float:
    """Windows a second, after two calls that warm up."""
    calls = max(3, WINDOWS // batch)
    for _ in range(2):
        call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    torch.cuda.synchronize()
    return calls * batch / (time.perf_counter() - start)


def main(width: str = "64") -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}; MsASNet of width {width}")
    rng = np.random.default_rng(0)
    print("| precision | windows at once | windows/s | peak GiB |\n|---|---|---|---|")
    for precision in ("bfloat16", "float16", "float32"):
        chosen = probed_batch_size(make(int(width), precision, 1), (3, 512, 512))
        for batch in sorted({1, 8, 32, chosen}):
            engine = make(int(width), precision, batch)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            pixels = rng.integers(0, 255, (batch, 3, 512, 512), dtype=np.uint8)
            asked = rate(lambda engine=engine, pixels=pixels: engine(pixels, RANGE), batch)  # type: ignore[misc]
            mark = " (chosen)" if batch == chosen else ""
            peak = torch.cuda.max_memory_allocated() / 2**30
            print(f"| {precision} | {batch}{mark} | {asked:.0f} | {peak:.2f} |", flush=True)
    engine = make(int(width), "bfloat16", 64)
    pixels = rng.integers(0, 255, (64, 3, 512, 512), dtype=np.uint8)
    whole = engine(pixels, RANGE)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(ALLOWED / torch.cuda.get_device_properties(0).total_memory)
    parts = Halving(engine)(pixels, RANGE)
    print(f"memory out at 64 windows: asked again in parts, largest difference {np.abs(parts - whole).max():.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
