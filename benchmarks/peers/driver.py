"""Run every system as a process of its own, in alternation, and keep what was measured.

    python driver.py FOLDER WEIGHTS [--threads N] [--repeats N] [--systems ours,tiler,...] [--ours NAME=OPTIONS]

FOLDER holds what `scenes.py` wrote; `measured.json` is written there, which `report.py` turns into tables. Seconds are
wall-clock time from the start of the process to its end, and beside them what its threads took of the processors;
memory is the largest sum of resident memory over the process and its children. ``--ours NAME=OPTIONS`` adds a row of
`landslide detect` with options, such as ``--ours "int8=--engine openvino --precision int8"``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import correctness
import psutil
import rasterio

from landslide_cli.model.card import read_card

HERE = Path(__file__).parent
SYSTEMS = ("ours", "geo_inference", "omnicloudmask", "geoai", "terratorch", "tiler")
LEVELS = ("shipped", "equal")
PAUSE = 0.02  # seconds between two looks at the memory
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class System:
    """One row: an adapter and how it is called."""

    name: str
    adapter: str
    levels: tuple[str, ...] = LEVELS
    options: tuple[str, ...] = ()


def main() -> None:
    given = command_line()
    card = read_card(given.weights.with_suffix(".json"))
    bench = Bench(given.folder, given.weights, given.threads, card.threshold)
    systems = [*chosen(given.systems), *map(extra, given.ours)]
    differing = [system for system in systems if "--channels-last" not in system.options]
    result: dict[str, object] = {"machine": machine(given.threads), "size": size(given.folder / "speed.tif")}
    result |= {"check_size": size(given.folder / "check.tif"), "threshold": card.threshold}
    result["window"] = {system.name: bench.window(system) for system in systems}
    correctness.refuse_disagreement(result["window"])
    for name, rows in (
        ("timed", bench.timed(systems, given.repeats)),
        ("checked", bench.checked(differing)),
        ("collar", bench.collars(differing)),
    ):
        result[name] = list(rows)
        (given.folder / "measured.json").write_text(json.dumps(result, indent=1))


def command_line() -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--systems", default=",".join((*SYSTEMS, "tiler+channels_last")))
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=OPTIONS")
    return parser.parse_args()


def chosen(names: str) -> Iterator[System]:
    """Rows by name; ``+channels_last`` hands the network over in that memory format, which only equal work has."""
    for name in names.split(","):
        adapter, _, layout = name.partition("+")
        yield System(name, adapter, ("equal",), ("--channels-last",)) if layout else System(name, adapter)


def extra(text: str) -> System:
    """A further row of ours from ``NAME=OPTIONS``; windows and overlap are those of equal work."""
    name, _, options = text.partition("=")
    return System(f"ours {name}", "ours", ("equal",), tuple(shlex.split(options)))


def machine(threads: int) -> dict[str, object]:
    """What the numbers depend on."""
    (processor,) = {line.split(": ")[1] for line in read_lines("/proc/cpuinfo") if line.startswith("model name")}
    packages = {name: version(name) for name in ("torch", "rasterio", "geopandas", "numpy")}
    return {"processor": processor, "threads": threads, "python": platform.python_version(), "packages": packages}


def read_lines(path: str) -> list[str]:
    """Lines of a text file."""
    return Path(path).read_text().splitlines()


def size(scene: Path) -> int:
    """Side of a scene in pixels."""
    with rasterio.open(scene) as src:
        return int(src.width)


@dataclass(frozen=True)
class Bench:
    """Runs adapters on the scenes of a folder."""

    folder: Path
    weights: Path
    threads: int
    threshold: float

    def run(self, system: System, level: str, scene: str, *flags: str) -> dict[str, object]:
        """Run a system once.

        Raises:
            RuntimeError: it fails; a system that fails has no row.
        """
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        weights = self.folder / "network.torchscript" if system.adapter == "geo_inference" else self.weights
        command = [
            sys.executable, str(HERE / "adapters" / f"run_{system.adapter}.py"),
            str(self.folder / scene), str(weights), str(out), level,
            "--threshold", str(self.threshold), "--threads", str(self.threads), *flags, *system.options,
        ]  # fmt: skip
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(self.threads))
        environment["PYTHONPATH"] = str(HERE / "stubs")
        with (out / "stdout").open("w") as stdout, (out / "stderr").open("w") as stderr:
            start, before = time.perf_counter(), children_seconds()
            process = psutil.Popen(command, env=environment, stdout=stdout, stderr=stderr)
            peak = watch(process)
            seconds, busy = time.perf_counter() - start, children_seconds() - before
        if process.returncode:
            raise RuntimeError(f"{system.name}, {level}: " + "\n".join(read_lines(str(out / "stderr"))[-12:]))
        told = json.loads(read_lines(str(out / "stdout"))[-1])
        measures = {"seconds": seconds, "cpu_seconds": busy, "peak_mb": peak / 1e6}
        print(f"{scene:<12}{level:<9}{system.name:<22}{seconds:7.1f} s {busy:7.1f} s {peak / 1e9:6.2f} GB", flush=True)
        return {"system": system.name, "level": level, **measures, **told}

    def window(self, system: System) -> float:
        """Largest difference between the probability that a system gets for one window and the network's own."""
        self.run(system, "equal", "window.tif", "--record", "--probability")
        return correctness.window_difference(self.folder)

    def timed(self, systems: list[System], repeats: int) -> Iterator[dict[str, object]]:
        """Every system at every level, one after another, and all of that again."""
        for _ in range(repeats):
            for level in LEVELS:
                for system in systems:
                    if level in system.levels:
                        yield self.run(system, level, "speed.tif")

    def checked(self, systems: list[System]) -> Iterator[dict[str, object]]:
        """What each system gets wrong, at each level; ours must come first."""
        for level in LEVELS:
            for system in systems:
                if level in system.levels:
                    row = self.run(system, level, "check.tif", "--probability")
                    yield correctness.check(self.folder, str(row["polygons"]), system.name, level, self.threshold)

    def collars(self, systems: list[System]) -> Iterator[dict[str, object]]:
        """What each system finds where there are no data."""
        for system in systems:
            row = self.run(system, "equal", "collar.tif")
            yield {"system": system.name, **correctness.collar(self.folder, str(row["polygons"]))}


def children_seconds() -> float:
    """Seconds that ended children have kept processors busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch(process: psutil.Popen) -> int:
    """Wait for a process; give the largest resident memory of it and its children in bytes."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process))
        time.sleep(PAUSE)
    return peak


def resident(process: psutil.Process) -> int:
    """Resident memory of a process and its children in bytes; 0 if it ended meanwhile."""
    try:
        return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0


if __name__ == "__main__":
    main()
