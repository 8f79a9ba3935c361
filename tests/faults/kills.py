"""Kill `landslide detect` and `landslide batch` at random moments, run them again, and count what was lost.

python -m tests.faults.kills detect 50
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pyogrio
import rasterio
import shapely

from tests.faults.seeds import Seeds
from tests.faults.sweep import made_seeds, warm_up
from tests.faults.trial import Trial, said, start

ENDINGS = {"SIGKILL": [signal.SIGKILL], "SIGTERM": [signal.SIGTERM], "SIGINT": [signal.SIGINT],
           "SIGINT twice": [signal.SIGINT, signal.SIGINT]}  # fmt: skip


def words(what: str, seeds: Seeds) -> list[str]:
    """The command, with every output that it has."""
    if what == "batch":
        return ["batch", str(seeds.folder / "in"), "-o", "out", "--probability", "--mask", "--stac", *seeds.model]
    return ["detect", str(seeds.folder / "scene.tif"), "-o", "o.gpkg", "--probability", "p.tif", "--mask", "m.tif",
            "--spread", "s.tif", "--stac", "--tta", "flips", *seeds.model]  # fmt: skip


def run(
    command: list[str], folder: Path, numbers: list[signal.Signals] | None = None, after: float = 0
) -> tuple[int, str]:
    """Run a command in a process of its own, send it signals, and give its status and what it said."""
    pid = start(Trial("", command), folder)
    if numbers:
        time.sleep(after)
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            time.sleep(0.005)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said(folder)[1]


Outputs = dict[str, tuple[object, ...]]


def outputs(folder: Path) -> Outputs:
    """What lies there, by what it says: polygons and pixels, not bytes."""
    found: Outputs = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        # GDAL's traces are of the reading here.
        if path.is_dir() or ".landslide-batch" in name or name.endswith(".aux.xml"):
            continue
        if ".part/" in name:
            found[name] = ()
            continue
        if path.suffix == ".gpkg":
            shapes = pyogrio.read_dataframe(path, layer="landslides").geometry.to_numpy()
            found[name] = (len(shapes), shapely.area(shapes).sum(), bool(shapely.is_valid(shapes).all()))
        elif path.suffix == ".tif":
            with rasterio.open(path) as src:
                pixels = src.read(1)
                found[name] = (pixels.shape, int(pixels.astype(np.int64).sum()))
        else:
            found[name] = ()
    return found


def trial(what: str, kind: str, seeds: Seeds, folder: Path, rng: Random, seconds: float, right: Outputs) -> list[str]:
    """One kill; what fell short."""
    command = words(what, seeds)
    status, told = run(command, folder, ENDINGS[kind], rng.uniform(0, 1.1 * seconds))
    short = []
    if "terminate called" in told or "Traceback" in told:
        short.append(f"said {told.strip().splitlines()[-1][:120]}")
    there = set(outputs(folder))
    named = {name for name in there if ".part/" not in name}
    if kind != "SIGKILL" and status not in (0, 130, -int(ENDINGS[kind][0])):
        short.append(f"status {status}: {told.strip()[-200:]}")
    # A batch keeps the scenes that it has done.
    if what == "detect" and named not in (set(), set(right)):
        short.append(f"only {', '.join(sorted(named))[:120]} got their names")
    if kind in ("SIGTERM", "SIGINT") and there != named:
        short.append(f"left {', '.join(sorted(there - named))[:120]}")
    again, told = run([*command, "--overwrite"] if what == "detect" else command, folder)
    if again != 0:
        short.append(f"the next run failed: {told.strip()[-160:]}")
    elif (now := outputs(folder)) != right:
        differ = sorted(name for name in now.keys() | right.keys() if now.get(name) != right.get(name))
        short.append(f"the next run gave something else: {', '.join(differ)[:200]}")
    return short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["detect", "batch"])
    parser.add_argument("number", type=int, help="of each kind of signal")
    parser.add_argument("--sound", type=Path, help="folder of sound files, made if it isn't given")
    given = parser.parse_args()
    warm_up()
    rng, short = Random(given.what), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="landslide-kills-") as work:
        seeds = Seeds(given.sound) if given.sound else made_seeds(Path(work) / "seeds")
        first = Path(work) / "first"
        first.mkdir()
        began = time.monotonic()
        status, told = run(words(given.what, seeds), first)
        seconds = time.monotonic() - began
        assert status == 0, told
        right = outputs(first)
        for kind in ENDINGS:
            for number in range(given.number):
                folder = Path(work) / "one"
                folder.mkdir()
                for what in trial(given.what, kind, seeds, folder, rng, seconds, right):
                    short[kind] += 1
                    print(f"{kind} {number}: {what}", file=sys.stderr, flush=True)
                shutil.rmtree(folder)
    print("| killed by | tried | fell short |\n|---|---:|---:|")
    print("\n".join(f"| `{given.what}`, {kind} | {given.number} | {short[kind]} |" for kind in ENDINGS))


if __name__ == "__main__":
    main()
