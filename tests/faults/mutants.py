"""Change the program in places drawn by chance, and see whether tests notice: docs/reliability.md.

python -m tests.faults.mutants 60 --cosmic-ray ~/cosmic/bin/cosmic-ray

What changes the places is https://cosmic-ray.readthedocs.io, installed anywhere. They are changed in a copy of the last
commit, so the working tree may go on changing.
"""

from __future__ import annotations

import argparse
import ast
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
# Those that use a package most.
TESTS = {
    "tiling": "tests/tiling tests/prediction/test_tiles.py",
    "mosaic": "tests/mosaic tests/detection/test_polygonize.py tests/prediction/test_predictor.py",
    "polygons": "tests/polygons tests/detection/test_polygonize.py",
    "prediction": "tests/prediction",
    "scene": "tests/scene",
}
SECONDS = 600  # after which a run of the tests is taken for one that hangs


def annotations(module: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where types are written in a module, as places (line, column) of beginnings and ends: they change nothing."""
    found = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        for typed in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(typed, ast.expr):
                found.append(((typed.lineno, typed.col_offset), (typed.end_lineno or 0, typed.end_col_offset or 0)))
    return found


def draw(session: Path, copy: Path, number: int, seed: str) -> int:
    """Keep so many places of a session, one change for each, and return how many there are."""
    with sqlite3.connect(session) as db:
        rows = db.execute(
            "SELECT job_id, module_path, start_pos_row, start_pos_col FROM mutation_specs "
            "ORDER BY module_path, start_pos_row, start_pos_col, operator_name, occurrence"
        ).fetchall()
        typed = {module: annotations(copy / module) for _, module, _, _ in rows}
        places: dict[tuple[str, int, int], list[str]] = {}
        for job, module, row, col in rows:
            if not any(begin <= (row, col) < end for begin, end in typed[module]):
                places.setdefault((module, row, col), []).append(job)
        rng = Random(seed)
        kept = {rng.choice(places[place]) for place in rng.sample(sorted(places), min(number, len(places)))}
        for table in ("mutation_specs", "work_items"):
            db.executemany(f"DELETE FROM {table} WHERE job_id = ?", [(job,) for job, *_ in rows if job not in kept])
    return len(places)


def try_package(package: str, number: int, seed: str, cosmic_ray: str, copy: Path) -> tuple[int, int, int]:
    """Places there are, tried and noticed; prints those that weren't noticed."""
    session, config = copy / f"{package}.sqlite", copy / f"{package}.toml"
    config.write_text(
        "[cosmic-ray]\n"
        f'module-path = "landslide_cli/{package}"\n'
        f"timeout = {SECONDS}.0\n"
        "excluded-modules = []\n"
        f'test-command = "{sys.executable} -m pytest -x -q -p no:cacheprovider {TESTS[package]} tests/test_values.py"\n'
        '[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    subprocess.run([cosmic_ray, "init", config.name, session.name], cwd=copy, check=True)
    there = draw(session, copy, number, f"{package} {seed}")
    subprocess.run([cosmic_ray, "exec", config.name, session.name], cwd=copy, check=True)
    with sqlite3.connect(session) as db:
        results = db.execute(
            "SELECT r.test_outcome, m.module_path, m.start_pos_row, m.operator_name, r.diff "
            "FROM work_results r JOIN mutation_specs m USING (job_id) ORDER BY 2, 3"
        ).fetchall()
    passed = [result for result in results if str(result[0]).lower() == "survived"]
    for _, module, row, operator, diff in passed:
        changed = [line for line in str(diff).splitlines() if re.match(r"[+-](?![+-])", line)]
        print(f"{module}:{row} {operator}", *changed, sep="\n    ", flush=True)
    return there, len(results), len(results) - len(passed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("number", type=int, nargs="?", default=60, help="places of each package")
    parser.add_argument("--package", action="append", choices=list(TESTS))
    parser.add_argument("--seed", default="1", help="other places for another seed")
    parser.add_argument("--cosmic-ray", default="cosmic-ray", help="the program")
    given = parser.parse_args()
    counts = {}
    with tempfile.TemporaryDirectory(prefix="landslide-mutants-") as work:
        copy = Path(work) / "copy"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        for package in given.package or TESTS:
            counts[package] = try_package(package, given.number, given.seed, given.cosmic_ray, copy)
    counts["**all**"] = tuple(map(sum, zip(*counts.values(), strict=True)))  # type: ignore[assignment]
    lines = ["| package | places there are | tried | noticed |", "|---|---:|---:|---:|"]
    lines += [f"| {package} | {' | '.join(f'{count:,}' for count in row)} |" for package, row in counts.items()]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
