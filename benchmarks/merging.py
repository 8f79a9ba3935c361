"""How long `landslide merge` takes for many polygons, and how much memory.

    python benchmarks/merging.py 100000 1000000 --scenes 100

Scenes lie in a square and overlap by a tenth of their width. Every landslide of the ground is in the inventory of each
scene that it lies in, by the same outline of about forty vertices, moved by a metre; those at a scene's edge are cut.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import shapely
from affine import Affine

from landslide_cli.scene.ground import Ground

CRS = "EPSG:32648"
GROUND = Ground(Affine.identity(), CRS)
SPACING_M = 60.0  # between landslides
OVERLAP = 0.1

MEASURE = """
import json, resource, sys, time
from landslide_cli import merge
began = time.perf_counter()
found = merge(sys.argv[2:], sys.argv[1])
told = {"landslides": found.landslides, "doubles": found.doubles, "joined": found.joined}
told |= {"s": time.perf_counter() - began, "cpu_s": time.process_time()}
print(json.dumps(told | {"gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
"""


def outlines(centres: np.ndarray, rng: np.random.Generator, vertices: int = 40) -> np.ndarray:
    """Bumpy discs of 5 to 25 m."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    size = rng.uniform(5, 25, (len(centres), 1)) * (1 + 0.15 * np.sin(3 * angle + rng.uniform(0, 6, (len(centres), 1))))
    return shapely.polygons(
        np.stack([centres[:, :1] + size * np.cos(angle), centres[:, 1:] + size * np.sin(angle)], axis=-1)
    )


def write_scenes(folder: Path, count: int, scenes: int) -> tuple[list[Path], int]:
    """The inventories of all scenes; how many polygons they hold."""
    side = round(math.sqrt(scenes))
    width = SPACING_M * math.sqrt(count) / side
    rng = np.random.default_rng(0)
    paths, total = [], 0
    for row in range(side):
        for col in range(side):
            left, bottom = (np.array([col, row]) - OVERLAP / 2) * width
            seed = np.random.default_rng((row, col))
            box = shapely.box(left, bottom, left + (1 + OVERLAP) * width, bottom + (1 + OVERLAP) * width)
            # What lies on the ground is the same for all scenes: landslides are drawn cell by cell.
            cells = [(r, c) for r in range(row - 1, row + 2) for c in range(col - 1, col + 2)]
            ground = np.concatenate([_cell(r, c, width) for r, c in cells])
            near = ground[shapely.intersects(ground, box)]
            moved = shapely.transform(near, lambda xy, by=seed.uniform(-1, 1, 2): xy + by)
            cut = ~shapely.within(moved, box)
            seen = shapely.intersection(moved, box)
            kept = (shapely.get_type_id(seen) == 3) & ~shapely.is_empty(seen)
            paths.append(folder / f"s{row}_{col}.gpkg")
            _write(paths[-1], seen[kept], cut[kept], box, rng)
            total += int(kept.sum())
    return paths, total


@lru_cache(64)
def _cell(row: int, col: int, width: float) -> np.ndarray:
    rng = np.random.default_rng((7, row + 1, col + 1))
    steps = np.arange(SPACING_M / 2, width, SPACING_M)
    corner = np.array([col * width, row * width])
    centres = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) + corner
    return outlines(centres, rng)


def _write(path: Path, polygons: np.ndarray, cut: np.ndarray, box: shapely.Geometry, rng: np.random.Generator) -> None:
    count = len(polygons)
    scene = f"{path.stem}.tif"
    columns = {name: rng.random(count) for name in ("perimeter_m", "length_m", "width_m", "elongation", "lon", "lat")}
    frame = geopandas.GeoDataFrame(
        {
            "id": np.arange(1, count + 1), "area_m2": GROUND.measure(polygons)[0].round(2), **columns,
            "pixels": shapely.area(polygons).astype(int), "prob_mean": rng.uniform(0.5, 1, count),
            "prob_max": rng.uniform(0.9, 1, count), "high_share": rng.random(count), "cut": cut, "scene": scene,
            "model": "synthetic",
        },
        geometry=polygons, crs=CRS,
    )  # fmt: skip
    pyogrio.write_dataframe(frame, path, layer="landslides", geometry_type="Polygon")
    looked = geopandas.GeoDataFrame({"area_m2": [box.area], "scene": scene}, geometry=[box], crs=CRS)
    pyogrio.write_dataframe(looked, path, layer="analysed", append=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="*", default=[100_000], help="landslides on the ground")
    parser.add_argument("--scenes", type=int, default=100)
    given = parser.parse_args()
    print("   polygons  scenes  landslides   doubles    joined        s    CPU s  peak GB")
    for count in given.counts:
        with tempfile.TemporaryDirectory() as folder:
            paths, total = write_scenes(Path(folder), count, given.scenes)
            out = str(Path(folder) / "all.gpkg")
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, out, *map(str, paths)], capture_output=True, text=True, check=True
            )
            told = json.loads(done.stdout)
            print(
                f"{total:11,}  {len(paths):6}  {told['landslides']:10,}{told['doubles']:10,}{told['joined']:10,}"
                f"{told['s']:9.1f}{told['cpu_s']:9.1f}  {told['gb']:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
