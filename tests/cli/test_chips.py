"""`landslide chips` on a machine without Pillow, and beside files that nobody may touch."""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas
import pytest
import shapely
from click.testing import CliRunner

from landslide_cli.cli import main
from tests.conftest import TRANSFORM, UTM, MakeScene, noise


@pytest.fixture
def scene(make_scene: MakeScene) -> Path:
    return make_scene(noise(3, 64, 64))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.gpkg"
    slides = geopandas.GeoDataFrame({"id": [1]}, geometry=[shapely.Point(TRANSFORM @ (30, 30)).buffer(8)], crs=UTM)
    slides.to_file(path, layer="landslides", layer_options={"DESCRIPTION": "metadata make GDAL write sidecars"})
    slides.to_file(path, layer="analysed")
    return path


def test_chips_of_a_scene_need_no_pillow(
    scene: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    for name in [name for name in sys.modules if name.startswith("landslide_cli.chips")]:
        monkeypatch.delitem(sys.modules, name)
    command = ["chips", str(scene), "--labels", str(labels), "-o", str(tmp_path / "chips"), "--size", "32"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("words", [
    "chips SCENE --labels LABELS -o OUT --size 32",
    "chips SCENE --labels LABELS --aoi LABELS -o OUT --size 32",
    "evaluate LABELS --reference LABELS --scene SCENE",
    "info SCENE --aoi LABELS --model MODEL --json",
])  # fmt: skip
def test_nothing_is_left_beside_what_is_only_read(
    scene: Path, labels: Path, tmp_path: Path, small_model: Path, words: str
) -> None:
    before = {path: path.read_bytes() for path in labels.parent.iterdir() if path.is_file()}
    places = {"SCENE": scene, "LABELS": labels, "OUT": tmp_path / "out", "MODEL": small_model}
    result = CliRunner().invoke(main, [str(places.get(word, word)) for word in words.split()])
    assert result.exit_code == 0, result.output
    assert {path: path.read_bytes() for path in labels.parent.iterdir() if path.is_file()} == before
