"""Try thousands of bad inputs and write the table of docs/reliability.md.

python -m tests.faults.sweep 10000
python -m tests.faults.sweep 1 --kind vrt --first 4711 --keep   # one of them again, with what it said
"""

from __future__ import annotations

import argparse
import csv
import importlib
import multiprocessing
import os
import pkgutil
import re
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import rasterio
from rasterio._err import CPLE_BaseError

from tests.faults.seeds import Seeds, make_seeds
from tests.faults.trial import Outcome, Trial, carry_out

REFUSED_TO_WRITE = (rasterio.errors.RasterioError, CPLE_BaseError, OverflowError)
# Kinds that take longest, of which the small sweep tries fewer.
SLOW = {"card", "ledger", "batch inputs", "recipe", "names", "limits", "training chips", "scene sizes"}
SMALL = {True: 2, False: 4}  # inputs of a slow kind, and of the others
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def warm_up() -> None:
    """Import all that commands import, so that a forked process begins at once; no thread may run."""
    # Compiling takes half a minute, and starts processes of its own.
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    import torch

    import landslide_cli

    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for module in pkgutil.walk_packages(landslide_cli.__path__, "landslide_cli."):
        if not module.name.endswith("__main__"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(module.name)
    for name in ("lightning", "openvino", "pyogrio", "geopandas", "pyarrow.parquet", "PIL.Image", "scipy.ndimage",
                 "rasterio.warp", "rasterio.vrt", "sklearn", "torchmetrics", "scipy.spatial"):  # fmt: skip
        try:
            if name == "openvino":
                from landslide_cli.engine.openvino_files import import_openvino

                import_openvino()
            else:
                importlib.import_module(name)
        except ImportError:
            pass


def try_one(kind: str, seed: int, seeds: Seeds, *, keep: bool = False) -> tuple[Trial, Outcome]:
    """One input of a kind, decided by its seed alone."""
    from tests.faults.kinds import KINDS

    rng = Random(f"{kind} {seed}")
    while True:
        folder = Path(tempfile.mkdtemp(prefix="fault-", dir=seeds.folder.parent))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = KINDS[kind](rng, seeds, folder)
            return trial, carry_out(trial, folder)
        except REFUSED_TO_WRITE:
            continue  # GDAL itself doesn't write this one; the next draw is another.
        finally:
            if keep:
                print(f"files: {folder}")
            else:
                folder.chmod(0o755)
                shutil.rmtree(folder, ignore_errors=True)


def made_seeds(folder: Path) -> Seeds:
    """Sound files, made by a process that has threads of its own."""
    process = multiprocessing.get_context("spawn").Process(target=make_seeds, args=(folder,))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("the sound files could not be made")
    return Seeds(folder)


def tried(number: int, first: int, kinds: list[str]) -> Iterator[tuple[str, int]]:
    """Kinds in turn, each with seeds of its own."""
    for count in range(number):
        yield kinds[count % len(kinds)], first + count // len(kinds)


def small(kinds: list[str]) -> Iterator[tuple[str, int]]:
    """The same few inputs each time."""
    for kind in kinds:
        for seed in range(SMALL[kind in SLOW]):
            yield kind, seed


def main() -> None:
    from tests.faults.kinds import KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", type=int, nargs="?", default=10_000)
    parser.add_argument("--small", action="store_true", help="the few inputs of the tests")
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--keep", action="store_true", help="keep the files, and print what was said")
    parser.add_argument("--sound", type=Path, help="folder of sound files, made if it isn't there")
    parser.add_argument("--log", type=Path, help="CSV of what fell short")
    parser.add_argument("--write", action="store_true", help=f"write the table of {PAGE.name}")
    given = parser.parse_args()
    warm_up()
    counts: Counter[str] = Counter()
    short: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="landslide-faults-") as work:
        sound = given.sound or Path(work) / "seeds"
        seeds = Seeds(sound) if sound.exists() else made_seeds(sound)
        with (given.log or Path(os.devnull)).open("a", newline="") as file:
            log = csv.writer(file)
            kinds = given.kind or list(KINDS)
            for kind, seed in small(kinds) if given.small else tried(given.number, given.first, kinds):
                trial, outcome = try_one(kind, seed, seeds, keep=given.keep)
                counts[kind] += 1
                seconds[kind] += outcome.seconds
                if given.keep:
                    print(f"{kind} {seed}: {trial.what}\nlandslide {' '.join(map(ascii, trial.words))}")
                    print(outcome.stderr + outcome.stdout)
                if outcome.short:
                    short[kind] += 1
                    log.writerow(
                        [
                            kind,
                            seed,
                            ascii(trial.what)[:300],
                            " ".join(map(ascii, trial.words))[:300],
                            " | ".join(outcome.short),
                        ]
                    )
                    file.flush()
                if sum(counts.values()) % 100 == 0:
                    print(
                        f"{sum(counts.values())} tried, {sum(short.values())} fell short", file=sys.stderr, flush=True
                    )
    lines = ["| kind | tried | fell short |", "|---|---:|---:|"]
    lines += [f"| {kind} | {counts[kind]:,} | {short[kind]} |" for kind in counts]
    lines.append(f"| **all** | **{sum(counts.values()):,}** | **{sum(short.values())}** |")
    print("\n".join(lines))
    print("seconds each:", {kind: round(seconds[kind] / counts[kind], 2) for kind in counts}, file=sys.stderr)
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        table = re.compile(r"\| kind \| tried \|.*?\| \*\*all\*\*[^\n]*\n", re.DOTALL)
        PAGE.write_text(table.sub(lambda _: "\n".join(lines) + "\n", text), encoding="utf-8")


if __name__ == "__main__":
    main()
