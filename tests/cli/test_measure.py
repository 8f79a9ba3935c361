from __future__ import annotations

import json
from pathlib import Path

import geopandas
import pyogrio
import pytest
import shapely
from click.testing import CliRunner, Result

from landslide_cli.cli import main
from landslide_cli.model.card import ModelCard
from tests.conftest import MakeScene, blobs, first_band, go


def measure(*words: object) -> Result:
    return CliRunner().invoke(main, ["measure", *map(str, words)])


@pytest.fixture
def edited(make_scene: MakeScene, card: ModelCard) -> Path:
    """An inventory in which somebody reshaped one, drew one, and left a row without a polygon."""
    scene = make_scene(blobs(150, 180))
    _, slides, _, _ = go(scene, card, first_band())
    drawn = shapely.box(500_010, 2_949_900, 500_020, 2_949_910)
    rows = geopandas.pd.concat(
        [slides, geopandas.GeoDataFrame(geometry=[drawn, None], crs=slides.crs)], ignore_index=True
    )
    rows.loc[0, "geometry"] = slides.geometry[0].buffer(2)
    path = scene.with_suffix(".gpkg")
    pyogrio.write_dataframe(rows, path, layer="landslides", driver="GPKG")
    return path


def test_one_line_says_what_was_done(edited: Path) -> None:
    count = len(pyogrio.read_dataframe(edited, layer="landslides")) - 3
    done = measure(edited, "--probability", edited.with_name("prob.tif"))
    assert done.exit_code == 0, done.output
    hectares = pyogrio.read_dataframe(edited, layer="landslides")["area_m2"].sum() / 1e4
    said = f"{edited}: 1 reshaped, 1 drawn, 1 without a polygon, {count} unchanged; {hectares:.2f} ha together\n"
    assert done.stdout == said
    assert measure(edited, "-q").stdout.startswith(f"{edited}: 0 reshaped, 0 drawn, 1 without a polygon, {count + 2} ")


def test_what_is_missing_is_told(edited: Path) -> None:
    done = measure(edited)
    assert "the probability of 2 that were changed isn't known; give --probability TIF" in done.stderr


def test_machines_get_the_same_numbers(edited: Path) -> None:
    (edited.parent / "d.csv").write_text("id,status\n1,landslide\n")
    done = measure(
        edited, "-o", edited.with_name("out.geojson"), "--decisions", edited.parent / "d.csv", "--json", "-q"
    )
    told = json.loads(done.stdout)
    assert (told["reshaped"], told["drawn"], told["without_polygon"], told["decided"]) == (1, 1, 1, 1)
    assert told["out"] == str(edited.with_name("out.geojson"))
    assert len(geopandas.read_file(told["out"])) == told["unchanged"] + 2
    assert edited.with_name("out.qml").exists()


def test_an_error_is_one_line(tmp_path: Path) -> None:
    done = measure(tmp_path / "none.gpkg")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        f"Error: {tmp_path / 'none.gpkg'}: there is no such file; give an inventory, or any file with polygons"
    ]
