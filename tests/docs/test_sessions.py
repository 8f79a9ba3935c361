"""What pages show of a terminal is what is printed there (write the pages anew: python -m tests.docs.test_sessions).

All of it runs once, in one folder and in the order of the pages: what the first page has made, later ones use.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas
import pandas as pd
import pytest
import rasterio
import shapely
import torch
from affine import Affine
from click.testing import CliRunner
from rasterio.windows import Window

from landslide_cli.cli import main
from landslide_cli.demo import write_demo_scene
from tests.docs.conftest import LEFT_OUT, PAGES, ROOT, assert_agrees

BLOCK = re.compile(r"^```console\n(\$ .*?)^```", re.MULTILINE | re.DOTALL)
SESSIONS = ["README.md", *(f"docs/{name}.md" for name in (
    "outputs", "evaluation", "detect", "real/README", "merge", "review", "batch"))]  # fmt: skip
# In int8 a landslide more or less goes by the CPU, and few are shrunk or gone.
FLOAT32 = "--engine torch --device cpu --precision float32"
# Imagery that isn't part of the project.
CANNOT_RUN = ("landslide evaluate bijie/",)


@dataclass(frozen=True)
class Step:
    """A command that a page shows, what it shows of its output, and what is printed."""

    command: str
    shown: str
    printed: str


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Commands of a page, each with what is shown below it."""
    for block in BLOCK.findall((ROOT / page).read_text()):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            yield command, shown


def run_all(folder: Path) -> dict[str, list[Step]]:
    """Run every command of every page in a folder that is empty."""
    (folder / "docs").symlink_to(ROOT / "docs")
    before = Path.cwd()
    os.chdir(folder)
    try:
        return {page: _run_page(page) for page in SESSIONS}
    finally:
        os.chdir(before)


def _run_page(page: str) -> list[Step]:
    PREPARED.get(page, lambda: None)()
    return [Step(command, shown, _run(command)) for command, shown in steps(page) if not command.startswith(CANNOT_RUN)]


def _run(command: str) -> str:
    program, *words = shlex.split(command)
    if program == "mkdir":
        Path(*words).mkdir()
        return ""
    assert program == "landslide", command
    return CliRunner().invoke(main, words).output


def _cut_demo_scene() -> None:
    """Two parts of the demo scene that share a tenth of it, their inventories, and another one of the northern part."""
    with rasterio.open("demo/demo.tif") as src:
        for name, top, bottom in (("north", 0, 1126), ("south", 922, 2048)):
            window = Window(0, top, src.width, bottom - top)
            profile = {**src.profile, "height": window.height, "transform": src.window_transform(window)}
            with rasterio.open(f"{name}.tif", "w", **profile) as dst:
                dst.write(src.read(window=window))
            _run(f"landslide detect {name}.tif -o {name}.gpkg --min-area 50 {FLOAT32} -q")
    _run(f"landslide detect north.tif -o later.gpkg --min-area 50 --model msasnet-rgb-s {FLOAT32} -q")


def _edit_inventory() -> None:
    """What a person might do to the inventory of the demo scene: reshape three, delete one the wrong way, draw two."""
    shutil.copy("demo/slides.gpkg", "slides.gpkg")
    shutil.copy("demo/prob.tif", "prob.tif")
    slides = geopandas.read_file("slides.gpkg", layer="landslides")
    slides.loc[slides.index[:3], "geometry"] = slides.geometry.iloc[:3].buffer(5)
    slides.loc[slides.index[3], "geometry"] = None
    corner = slides.total_bounds[:2] + 300
    drawn = [shapely.box(*corner, *(corner + side)) for side in (30, 40)]
    both = pd.concat([slides, geopandas.GeoDataFrame(geometry=drawn, crs=slides.crs)], ignore_index=True)
    both.to_file("slides.gpkg", layer="landslides", driver="GPKG", engine="pyogrio")


def _make_scenes() -> None:
    for seed, name in enumerate(("north/site1", "north/site2", "south/site1")):
        scene = Path("imagery", f"{name}.tif")
        scene.parent.mkdir(parents=True, exist_ok=True)
        write_demo_scene(scene, scene.with_suffix(".gpkg"), size=1024, seed=seed)
        with rasterio.open(scene, "r+") as dst:  # side by side
            dst.transform @= Affine.translation(2000 * seed, 0)
    Path("imagery/south/site3.tif").write_text("no raster")


PREPARED = {"docs/merge.md": _cut_demo_scene, "docs/review.md": _edit_inventory, "docs/batch.md": _make_scenes}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Step]]:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("the pages show what a machine without a card prints")
    return run_all(tmp_path_factory.mktemp("sessions"))


@pytest.mark.parametrize("page", SESSIONS)
def test_what_is_shown_is_what_is_printed(page: str, ran: dict[str, list[Step]]) -> None:
    assert ran[page]
    for step in ran[page]:
        assert_agrees(step.shown, step.printed)


def test_every_page_that_shows_a_terminal_is_run() -> None:
    shown = {page.relative_to(ROOT).as_posix() for page in PAGES if BLOCK.search(page.read_text())}
    assert shown <= set(SESSIONS)
    assert [page.name for page in PAGES if re.search(r"^```text\n\$ ", page.read_text(), re.MULTILINE)] == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("3 landslides\n", "4 scars\n"),
        ("3 landslides\n", "3 landslides\nand a warning\n"),
        ("1.25 ha of 268.65 ha\n", "2.25 ha of 568.65 ha\n"),
        ("a\n…\nb\n", "a\nmore\nc\n"),
    ],
)
def test_what_grew_old_is_seen(shown: str, printed: str) -> None:
    with pytest.raises(AssertionError):
        assert_agrees(shown, printed)


def write() -> None:
    """Put what is printed into the pages, but for examples that leave something out."""
    with TemporaryDirectory() as folder:
        for page, ran in run_all(Path(folder)).items():
            text = (ROOT / page).read_text()
            for step in ran:
                if not LEFT_OUT.search(step.shown):
                    text = text.replace(f"$ {step.command}\n{step.shown}", f"$ {step.command}\n{step.printed}")
                else:
                    sys.stdout.write(f"{page}: compare by hand\n{step.printed}\n")
            (ROOT / page).write_text(text)


if __name__ == "__main__":
    write()
