"""What docs/outputs.md says the files hold, column by column, is what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
from affine import Affine

from landslide_cli.detection.outputs import Outputs
from landslide_cli.detection.run import run
from landslide_cli.inventory.attributes import open_measurer
from landslide_cli.inventory.formats import DRIVERS
from landslide_cli.inventory.rules import PolygonRules
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from landslide_cli.scene.vectors import read_layer
from tests.conftest import blobs, first_band
from tests.inventory.conftest import write_dem

DOCS = Path(__file__).parents[2] / "docs" / "outputs.md"


OF_LANDSLIDES = ("Review", "Size and shape", "Pixels", "Terrain, with `--dem FILE`")


def documented(heading: str) -> dict[str, str]:
    """Columns in the first table under a heading, and their names in a shapefile."""
    section = DOCS.read_text().split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.split("|")[1:-1] for line in section.split("|---", 1)[1].splitlines() if line.startswith("| ")]
    found = {}
    for cells in rows:
        names, short = re.findall(r"`(\w+)`", cells[0]), re.findall(r"`(\w+)`", cells[1])
        found |= dict(zip(names, short or names, strict=True))
    return found


@pytest.fixture(scope="module")
def landslide_columns() -> dict[str, str]:
    found: dict[str, str] = {}
    for heading in OF_LANDSLIDES:
        here = documented(heading)
        assert here.keys().isdisjoint(found)
        found |= here
    return found


@pytest.mark.parametrize("ending", DRIVERS)
def test_the_columns_of_landslides(
    make_scene: Callable[..., Path], card: ModelCard, tmp_path: Path, ending: str, landslide_columns: dict[str, str]
) -> None:
    scene = make_scene(blobs(90, 100))
    dem = write_dem(tmp_path / "dem.tif", np.add.outer(np.arange(60.0), np.arange(60.0)).astype(np.float32),
                    transform=Affine(5, 0, 499_900, 0, -5, 2_950_100))  # fmt: skip
    rules = PolygonRules(threshold=card.threshold, dem=dem)
    with open_scene(scene, wanted=card.bands) as opened:
        size = opened.height, opened.width
        with open_measurer(rules, opened.ground, size) as measurer:
            plan = make_plan(opened, card, tta="flips")
            run(plan, first_band(), Outputs(scene.with_suffix(ending)), measurer=measurer)
    made = scene.with_suffix(ending)
    columns = set(read_layer(made, "landslides" if ending == ".gpkg" else None).columns) - {"geometry"}
    assert columns == set(landslide_columns.values() if ending == ".shp" else landslide_columns)
    if ending == ".gpkg":
        for layer in ("analysed", "runs"):
            assert set(pyogrio.read_info(made, layer=layer)["fields"]) == documented(f"`{layer}`").keys(), layer
