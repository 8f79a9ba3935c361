"""Bands on several workers, a run that is killed and goes on, and the client's memory.

    python benchmarks/scale.py workers --size 16384 --small 200
    python benchmarks/scale.py kills --times 50
    python benchmarks/scale.py losses --times 10
    python benchmarks/scale.py overhead
    python benchmarks/scale.py memory --bands 2000

The network is a stand-in that sleeps for a fixed time per window, so that more workers than cores can be measured. Each
part prints a table, and fails if geometry or attributes differ from those of an unbroken run in one process.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rasterio
from affine import Affine
from rasterio.windows import Window

sys.path.insert(0, str(Path(__file__).parents[1]))

from landslide_cli import Runtime
from landslide_cli.cluster.gathering import Gathering, SceneBands
from landslide_cli.cluster.workers import Workers, open_workers
from landslide_cli.detection.joining import join
from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.engine import Engine
from landslide_cli.inventory.attributes import Measurer
from landslide_cli.inventory.read import read_inventory
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.keeping import SUFFIX, keeping
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.scene.scene import open_scene
from landslide_cli.tiling.bands import cut

CARD = ModelCard(
    model_id="stand-in", network="none", arguments={}, bands=("red", "green", "blue"), value_range=(0.0, 255.0),
    mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), resolution_m=(0.1, 10.0), threshold=0.5, sha256="0" * 64,
    licence="none",
)  # fmt: skip


class Sleeping(Engine):
    """Sleeps, and gives the first band back as probability."""

    name, device, precision = "stand-in", "cpu", "float32"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, pixels: Any, value_range: tuple[float, float]) -> Any:
        time.sleep(self.seconds)
        return (pixels[:, 0] * np.float32(1 / 254)).astype(np.float32)


@dataclass(frozen=True)
class Opener:
    """Opens the stand-in in a worker."""

    seconds: float

    def __call__(self) -> Engine:
        return Sleeping(self.seconds)


def write_scene(path: Path, height: int, width: int, seed: int = 0) -> Path:
    """Smooth blobs, written in rows of blocks, so that any size fits into memory."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 64 + 2, width // 64 + 2)).astype(np.float32)
    across = np.linspace(0, coarse.shape[1] - 1.001, width)
    left, part = across.astype(int), (across % 1).astype(np.float32)
    profile = {"tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "band"}
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=height, width=width, dtype="uint8", crs="EPSG:32648",
        transform=Affine(0.8, 0, 500_000, 0, -0.8, 2_950_000), **profile,
    ) as dst:  # fmt: skip
        for top in range(0, height, 512):
            rows = np.arange(top, min(top + 512, height)) * ((coarse.shape[0] - 1.001) / height)
            upper, down = rows.astype(int), (rows % 1).astype(np.float32)[:, None]
            field = coarse[upper] * (1 - down) + coarse[upper + 1] * down
            band = ((field[:, left] * (1 - part) + field[:, left + 1] * part) * 200).astype(np.uint8)
            dst.write(np.stack([band] * 3), window=Window(0, top, width, len(band)))
    return path


@contextmanager
def planned(path: Path) -> Iterator[Plan]:
    """A scene that is open, and its plan."""
    with open_scene(path, wanted=CARD.bands) as scene:
        yield make_plan(scene, CARD)


def measurer_of(plan: Plan) -> Measurer:
    return Measurer(plan.scene.ground, PolygonRules(threshold=0.5, min_area_m2=200))


def fingerprint(out: Path) -> Any:
    """Geometry and attributes, byte for byte."""
    frame = read_inventory(out)
    return len(frame), frame.geometry.to_wkb().tolist(), frame.drop(columns="geometry").to_csv(index=False)


def alone(paths: list[Path], folder: Path, seconds: float) -> float:
    """One process, without workers."""
    start = time.perf_counter()
    for path in paths:
        with planned(path) as plan:
            run(plan, Sleeping(seconds), Outputs(folder / f"{path.stem}.gpkg"), measurer=measurer_of(plan))
    return time.perf_counter() - start


def together(paths: list[Path], folder: Path, workers: Workers) -> tuple[float, int]:
    """Workers, as `landslide batch` lets them; time, and bands."""
    start, bands = time.perf_counter(), 0
    with ExitStack() as stack:
        plans: list[Plan] = []

        def scenes() -> Iterator[SceneBands]:
            nonlocal bands
            for number, path in enumerate(paths, 1):
                plan = stack.enter_context(planned(path))
                if len(paths) - number < workers.count:
                    plan = plan.shared(workers.count)
                plans.append(plan)
                bands += len(list(cut((0, plan.grid.rows.count), plan.band)))
                yield SceneBands(plan)

        for number, strips in enumerate(Gathering(workers, scenes())):
            outputs = Outputs(folder / f"{paths[number].stem}.gpkg")
            plan = plans[number]
            files = outputs.claim(overwrite=True)
            join(plan, workers.engine, strips, outputs, measurer=measurer_of(plan), files=files)
    return time.perf_counter() - start, bands


def measure_workers(size: int, small: int, seconds: float) -> None:
    """One large scene alone, and with many small ones, on 1, 2 and 4 workers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = write_scene(folder / "large.tif", size, size)
        few = [write_scene(folder / f"s{number}.tif", 1024, 1024, number) for number in range(small)]
        for title, paths in ((f"one scene of {size}²", [large]), (f"the same and {small} of 1024²", [large, *few])):
            (folder / "alone").mkdir(exist_ok=True)
            lone = alone(paths, folder / "alone", seconds)
            expected = [fingerprint(folder / "alone" / f"{path.stem}.gpkg") for path in paths]
            print(f"\n{title}: {lone:.1f} s in one process without workers\n", flush=True)
            print("| workers | bands | s | times one worker | times one process | same |\n|---|---|---|---|---|---|")
            first = None
            for count in (1, 2, 4):
                (folder / str(count)).mkdir(exist_ok=True)
                with open_workers(Runtime(workers=count), Opener(seconds)) as workers:
                    took, bands = together(paths, folder / str(count), workers)
                first = first or took
                same = expected == [fingerprint(folder / str(count) / f"{path.stem}.gpkg") for path in paths]
                print(
                    f"| {count} | {bands} | {took:.1f} | {first / took:.2f} | {lone / took:.2f} | {same} |", flush=True
                )
                assert same


def measure_overhead() -> None:
    """What a scene and a band cost beside the network, which takes no time here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = [write_scene(folder / f"s{number}.tif", 256, 256, number) for number in range(100)]
        tall = write_scene(folder / "tall.tif", 512 * 400, 64)
        (folder / "alone").mkdir()
        lone = alone(small, folder / "alone", 0)
        with open_workers(Runtime(workers=1), Opener(0)) as workers:
            took, _ = together(small, folder, workers)
            print(
                f"{len(small)} scenes of 256²: {lone / len(small) * 1e3:.1f} ms each alone, {took / len(small) * 1e3:.1f} ms by a worker"  # noqa: E501
            )
            with planned(tall) as plan:
                times = []
                for band in (4, 2):
                    start = time.perf_counter()
                    cutting = replace(plan, band=band)
                    for strips in Gathering(workers, [SceneBands(cutting)]):
                        for _ in strips:
                            pass
                    times.append((time.perf_counter() - start, len(list(cut((0, plan.grid.rows.count), band)))))
            (slow, many), (quick, fewer) = times[1], times[0]
            print(
                f"{fewer} and {many} bands: {quick:.2f} and {slow:.2f} s: {(slow - quick) / (many - fewer) * 1e3:.1f} ms a band more"  # noqa: E501
            )


def measure_memory(bands: int) -> None:
    """The client's memory while so many bands go through it."""
    with tempfile.TemporaryDirectory() as name:
        path = write_scene(Path(name) / "tall.tif", 448 * bands, 512)
        with open_workers(Runtime(workers=2), Opener(0)) as workers, planned(path) as plan:
            plan = replace(plan, band=1)
            outputs, process, told = Outputs(Path(name) / "out.gpkg"), psutil.Process(), []

            def watch(done: int, total: int) -> None:
                told.append((done / total, process.memory_info().rss / 2**20))

            (strips,) = Gathering(workers, [SceneBands(plan, on_progress=watch)])
            start = time.perf_counter()
            join(plan, workers.engine, strips, outputs, measurer=measurer_of(plan), files=outputs.claim())
            took = time.perf_counter() - start
        print(
            f"{len(told)} bands in {took:.0f} s ({took / len(told) * 1e3:.1f} ms each)\n\n| share done | MB |\n|---|---|"  # noqa: E501
        )
        for share in (0.05, 0.25, 0.5, 0.75, 1.0):
            print(f"| {share:.0%} | {next(memory for done, memory in told if done >= share):.0f} |")


ACROSS = 3  # windows in a row of the scene that is killed
COUNTED = "SCALE_COUNTED"
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from benchmarks.scale import kept_run
kept_run(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
"""


def kept_run(path: Path, out: Path, seconds: float, workers: int = 0, cluster: str | None = None) -> int:
    """As the command does it; with so many workers, those of a cluster, or by itself. Windows it asked about."""
    outputs = Outputs(out)
    with planned(path) as plan:
        plan = replace(plan, band=2)
        if workers or cluster:
            runtime = Runtime(cluster=cluster) if cluster else Runtime(workers=workers)
            started = open_workers(runtime, Opener(seconds))
            with started as team, keeping(out, plan, team.engine) as kept:
                (strips,) = Gathering(team, [SceneBands(plan, kept)])
                files = outputs.claim()
                join(plan, team.engine, strips, outputs, measurer=measurer_of(plan), files=files)
            return 0
        engine = Counting(seconds)
        with keeping(out, plan, engine) as kept:
            run(plan, engine, outputs, measurer=measurer_of(plan), files=outputs.claim(), kept=kept)
        return engine.asked


class Counting(Sleeping):
    """Also counts windows, in a file that outlives a kill."""

    asked = 0

    def __call__(self, pixels: Any, value_range: tuple[float, float]) -> Any:
        self.asked += 1
        with Path(os.environ.get(COUNTED, os.devnull)).open("ab") as file:
            file.write(b".")
        return super().__call__(pixels, value_range)


def measure_kills(times: int, workers: int) -> None:
    """Kill the run at random moments and start it again, until it has been killed so often; then let it end."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_scene(folder / "scene.tif", 448 * 40, 1024)
        kept_run(path, folder / "whole.gpkg", 0)
        expected, killed, finished = fingerprint(folder / "whole.gpkg"), 0, 0
        counted = folder / "counted"
        counted.touch()
        out, child = folder / "slides.gpkg", CHILD.format(root=str(Path(__file__).parents[1]))
        parts, lost = Path(f"{out}{SUFFIX}"), []
        while killed < times:
            words = [sys.executable, "-c", child, str(path), str(out), "0.02", str(workers)]
            process = subprocess.Popen(
                words, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1", COUNTED: str(counted)}
            )
            before, asked = len(list(parts.glob("*.band"))), counted.stat().st_size
            # The moment is random in the work, not in the imports before it.
            until = time.monotonic() + 120
            wanted = before + rng.randint(0, 3)
            while process.poll() is None and len(list(parts.glob("*.band"))) < wanted and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.2))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.wait()
            if not out.exists() and not workers:
                # Windows asked for what isn't kept: of the band that was cut off, and of the row above the seam.
                kept = 2 * ACROSS * (len(list(parts.glob("*.band"))) - before)
                lost.append(counted.stat().st_size - asked - kept)
            if out.exists():
                assert fingerprint(out) == expected
                assert not parts.exists()
                out.unlink()
                finished += 1
        kept_run(path, out, 0, workers)
        counted.unlink()
        assert fingerprint(out) == expected
        left = sorted(one.name for one in folder.iterdir())
        print(
            f"killed {killed} times, ended {finished + 1} times with the outputs of an unbroken run; left in the folder: {left}"  # noqa: E501
        )
        if lost:
            print(
                f"windows that a kill cost (a band has {2 * ACROSS}): {max(lost)} at most, {np.mean(lost):.1f} in the mean"  # noqa: E501
            )


LOST_SECONDS = 0.05


def measure_lost_workers(times: int) -> None:
    """Kill one of two workers at random moments of runs that go on meanwhile."""
    rng, killed, ended, failed = random.Random(0), 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_scene(folder / "scene.tif", 448 * 40, 1024)
        kept_run(path, folder / "whole.gpkg", 0)
        expected, out = fingerprint(folder / "whole.gpkg"), folder / "slides.gpkg"
        child, parts = CHILD.format(root=str(Path(__file__).parents[1])), Path(f"{out}{SUFFIX}")
        while killed < times or not ended:
            before = len(list(parts.glob("*.band")))
            words = [sys.executable, "-c", child, str(path), str(out), str(LOST_SECONDS), "2"]
            client = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            while client.poll() is None:
                time.sleep(rng.uniform(0.3, 1.2))
                workers = _workers_of(client.pid)
                # The moment is random in the work, not in the start before it.
                if len(workers) == 2 and killed < times and len(list(parts.glob("*.band"))) > before:
                    rng.choice(workers).kill()
                    killed += 1
            if client.returncode:
                assert client.stderr and "workers died of it again and again" in client.stderr.read()
                failed += 1
                continue
            assert fingerprint(out) == expected
            out.unlink()
            ended += 1
        left = sorted(one.name for one in folder.iterdir())
    print(f"workers killed {killed} times: {ended} runs ended equal, {failed} had to be started again; left: {left}")


def _workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes that a client has started."""
    try:
        return [one for one in psutil.Process(pid).children() if "spawn_main" in " ".join(one.cmdline())]
    except psutil.Error:
        return []


def measure_lost_schedulers(times: int) -> None:
    """Kill the scheduler of a cluster at random moments, start all again, and the same run."""
    rng, root = random.Random(0), str(Path(__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": root}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_scene(folder / "scene.tif", 448 * 40, 1024)
        kept_run(path, folder / "whole.gpkg", 0)
        expected, out, waits = fingerprint(folder / "whole.gpkg"), folder / "slides.gpkg", []
        parts = Path(f"{out}{SUFFIX}")
        for number in range(times + 1):
            file = folder / f"scheduler{number}.json"
            dask = [sys.executable, "-m", "dask"]
            common = ["--scheduler-file", str(file), "--no-dashboard"]
            quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env}
            scheduler = subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common], **quiet)
            worker = subprocess.Popen([*dask, "worker", "--nthreads", "1", "--no-nanny", *common], **quiet)
            while not file.exists():
                time.sleep(0.1)
            words = [sys.executable, "-c", CHILD.format(root=root), str(path), str(out), str(LOST_SECONDS), "0"]
            client = subprocess.Popen([*words, str(file)], stderr=subprocess.PIPE, text=True)
            before = len(list(parts.glob("*.band")))
            if number < times:
                while client.poll() is None and len(list(parts.glob("*.band"))) <= before:
                    time.sleep(0.01)
                time.sleep(rng.uniform(0, 0.4))
                scheduler.kill()
                killed = time.monotonic()
            _, told = client.communicate(timeout=120)
            if number < times:
                waits.append(time.monotonic() - killed)
                assert client.returncode, "it ended before its scheduler did"
                assert "connection to Dask's scheduler is lost" in told, told
            for process in (worker, scheduler):
                process.kill()
                process.wait()
            file.unlink(missing_ok=True)
        assert client.returncode == 0, told
        assert fingerprint(out) == expected
        left = sorted(one.name for one in folder.iterdir())
    print(
        f"scheduler killed {times} times, and then the same outputs; the run told it after {max(waits):.1f} s at most; "
        f"left: {left}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["workers", "overhead", "memory", "kills", "losses"])
    parser.add_argument("--size", type=int, default=16384)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.1, help="that the stand-in sleeps for each window")
    parser.add_argument("--bands", type=int, default=2000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--workers", type=int, default=0, help="for kills: how many, instead of one process")
    given = parser.parse_args()
    if given.what == "workers":
        measure_workers(given.size, given.small, given.seconds)
    elif given.what == "overhead":
        measure_overhead()
    elif given.what == "memory":
        measure_memory(given.bands)
    elif given.what == "losses":
        measure_lost_workers(given.times)
        measure_lost_schedulers((given.times + 1) // 2)
    else:
        measure_kills(given.times, given.workers)


if __name__ == "__main__":
    main()
