"""What teaching by correction gains: a quarter of a scene is corrected, the other three are judged.

A person is simulated by the truth. Of the polygons that the model finds in the quarter, those that lie on true
landslides by half or more are confirmed as they are (the network's own outline), those with less than a tenth rejected,
the others left as unsure; true landslides that confirmed polygons cover by less than half are drawn. Then the commands
of docs/teach.md run, and the inventories of the other three quarters are judged before and after::

    python benchmarks/teach.py scene.tif truth.gpkg --model msasnet-rgb-s --size 384 -o runs/teach

With ``--patches FOLDER --metres M`` the scene is made of a folder of square chips of one place, side by side.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import rasterio
import shapely
from affine import Affine
from rasterio.features import shapes

from landslide_cli.chips.chip import find_chips
from landslide_cli.evaluation.inventories import evaluate_inventory

CONFIRMED, REJECTED, MISSED = 0.5, 0.1, 0.5


def main() -> None:
    options = parser().parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    scene, truth = options.scene, options.truth
    if options.patches:
        scene, truth = mosaic(options.patches, options.groups, options.metres, out)
    quarter, rest = quarters(scene, options.quarter)
    for name, shape in (("checked", quarter), ("rest", rest)):
        geopandas.GeoSeries([shape], crs=crs_of(scene)).to_file(out / f"{name}.gpkg")
    run("detect", scene, "--model", options.model, "-o", out / "slides.gpkg", "--overwrite")
    found = geopandas.read_file(out / "slides.gpkg", layer="landslides")
    reviewed = review(found, geopandas.read_file(truth).to_crs(found.crs), quarter)
    (out / "reviewed.gpkg").unlink(missing_ok=True)
    reviewed.to_file(out / "reviewed.gpkg", layer="landslides")
    print(reviewed.status.value_counts().to_string(), f"\ndrawn {reviewed.drawn.sum()}")
    run("chips", scene, "--labels", out / "reviewed.gpkg", "--aoi", out / "checked.gpkg", "--size", options.size,
        "--block", 1, "--background", 0.5, "-o", fresh(out / "chips"))  # fmt: skip
    run("train", "--chips", out / "chips", "--start", options.model, "-o", out / "taught.safetensors", "--overwrite",
        "--run-dir", fresh(out / "run"), *shlex.split(options.train))  # fmt: skip
    rows = {}
    for name, model in (("before", options.model), ("after", out / "taught.safetensors")):
        inventory = out / f"{name}.gpkg"
        run("detect", scene, "--model", model, "--aoi", out / "rest.gpkg", "-o", inventory, "--overwrite")
        scores = evaluate_inventory(inventory, reference=truth, scene=scene).summary().pooled
        rows[name] = {key: round(getattr(scores, key), 4) for key in ("precision", "recall", "f1", "false_alarm")}
    (out / "scores.json").write_text(json.dumps(rows, indent=2))
    print(pd.DataFrame(rows).T)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("scene", nargs="?", type=Path)
    made.add_argument("truth", nargs="?", type=Path)
    made.add_argument("--patches", type=Path, help="folder of chips to make the scene of")
    made.add_argument("--groups", default="*", help="only chips of these groups, a pattern")
    made.add_argument("--metres", type=float, help="metres per pixel of the patches")
    made.add_argument("--model", default="msasnet-rgb-s")
    made.add_argument("--quarter", type=int, default=0, choices=range(4), help="0 upper left, 1 upper right, 2, 3")
    made.add_argument("--size", type=int, default=384, help="side of the chips")
    made.add_argument("--train", default="", help="more options of landslide train")
    made.add_argument("-o", "--out", type=Path, default=Path("runs/teach"))
    return made


def run(*words: object) -> None:
    command = ["landslide", *map(str, words)]
    print("$", shlex.join(command), flush=True)
    subprocess.run([sys.executable, "-m", "landslide_cli", *command[1:]], check=True)


def fresh(folder: Path) -> Path:
    """A folder that isn't there yet, in place of one that an earlier run left."""
    if folder.exists():
        number = 1
        while (before := folder.with_name(f"{folder.name}-{number}")).exists():
            number += 1
        folder.rename(before)
    return folder


def crs_of(scene: Path) -> str:
    with rasterio.open(scene) as src:
        return str(src.crs.to_wkt())


def quarters(scene: Path, number: int) -> tuple[shapely.Geometry, shapely.Geometry]:
    """The quarter that is corrected, and the rest."""
    with rasterio.open(scene) as src:
        row, col = divmod(number, 2)
        height, width = src.height // 2, src.width // 2
        left, top = col * width, row * height
        corners = ((left, top), (left + width, top), (left + width, top + height), (left, top + height))
        whole = ((0, 0), (src.width, 0), (src.width, src.height), (0, src.height))
        part, every = (shapely.Polygon([src.transform @ corner for corner in each]) for each in (corners, whole))
    return part, every.difference(part)


def review(
    found: geopandas.GeoDataFrame, truth: geopandas.GeoDataFrame, quarter: shapely.Geometry
) -> geopandas.GeoDataFrame:
    """What a person who knows the truth makes of the polygons whose middle lies in the quarter."""
    true = truth.geometry.make_valid().intersection(quarter)
    true = true[true.area > 0]
    whole = shapely.union_all(true.to_numpy())
    reviewed = found[["geometry"]].copy()
    inside = reviewed.geometry.representative_point().within(quarter)
    share = reviewed.geometry.intersection(whole).area / reviewed.geometry.area
    answers = np.select([share >= CONFIRMED, share < REJECTED], ["landslide", "not_landslide"], "unsure")
    reviewed["status"] = np.where(inside, answers, "unreviewed")
    reviewed["drawn"] = False
    confirmed = shapely.union_all(reviewed.geometry[reviewed.status == "landslide"].to_numpy())
    missed = true[true.intersection(confirmed).area / true.area < MISSED]
    drawn = geopandas.GeoDataFrame({"status": "landslide", "drawn": True}, geometry=list(missed), crs=found.crs,
                                   index=range(len(missed)))  # fmt: skip
    return geopandas.GeoDataFrame(pd.concat([reviewed, drawn], ignore_index=True), crs=found.crs)


def mosaic(folder: Path, groups: str, metres: float, out: Path) -> tuple[Path, Path]:
    """Square chips of a folder, side by side in a square; the georeference is invented."""
    chips = [chip for chip in find_chips(folder) if fnmatch(chip.group, groups)]
    across = math.isqrt(len(chips))
    side = chips[0].size()[0]
    pixels, mask = np.zeros((3, across * side, across * side), np.uint8), np.zeros((across * side,) * 2, np.uint8)
    for number, chip in enumerate(chips[: across**2]):
        row, col = (place * side for place in divmod(number, across))
        here = np.s_[row : row + side, col : col + side]
        pixels[:, *here] = chip.read_image().transpose(2, 0, 1)
        mask[here] = chip.read_mask((side, side))
    transform = Affine(metres, 0, 500_000, 0, -metres, 3_000_000)
    scene, truth = out / "scene.tif", out / "truth.gpkg"
    with rasterio.open(scene, "w", driver="GTiff", count=3, height=len(mask), width=len(mask), dtype="uint8",
                       crs="EPSG:32648", transform=transform, photometric="rgb") as dst:  # fmt: skip
        dst.write(pixels)
    polygons = [shapely.geometry.shape(shape) for shape, _ in values(mask, transform)]
    geopandas.GeoSeries(polygons, crs="EPSG:32648").to_file(truth)
    return scene, truth


def values(mask: np.ndarray, transform: Affine) -> Iterable[tuple[dict[str, object], float]]:
    found: Iterable[tuple[dict[str, object], float]] = shapes(mask, mask > 0, transform=transform)
    return found


if __name__ == "__main__":
    main()
