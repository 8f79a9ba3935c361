"""The command line that all adapters have; nothing slow is imported for it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One run of one system.

    Attributes:
        scene: GeoTIFF of three bands.
        weights: ``.safetensors`` with its card beside it; geo-inference gets TorchScript.
        out: Folder for everything that is written.
        level: ``shipped`` or ``equal``.
        threshold: Probability from which a pixel counts as landslide.
        threads: Threads that the system may use.
        probability: Also write ``probability.npy``, where the system has one.
        channels_last: Hand the network over in that memory format.
        record: Save what the network answers for the first whole window.
        options: Further options for ``landslide detect``.
    """

    scene: Path
    weights: Path
    out: Path
    level: str
    threshold: float
    threads: int
    probability: bool
    channels_last: bool
    record: bool
    options: list[str]

    @property
    def equal(self) -> bool:
        """Whether windows, overlap and batch are to be those of ``landslide detect``."""
        return self.level == "equal"


def request() -> Request:
    """Read the command line that all adapters have."""
    parser = argparse.ArgumentParser()
    for name in ("scene", "weights", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("level", choices=["shipped", "equal"])
    parser.add_argument("--threshold", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    for flag in ("--probability", "--channels-last", "--record"):
        parser.add_argument(flag, action="store_true")
    known, options = parser.parse_known_args()
    return Request(**vars(known), options=options)
