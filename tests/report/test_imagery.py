"""Colours of scene and probability on the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest

from landslide_cli.model.card import ModelCard
from landslide_cli.report.imagery import probability_imagery
from landslide_cli.report.tiles import Tiles
from tests.conftest import TRANSFORM, UTM, MakeScene, first_band, go
from tests.report.conftest import colour_at, data_of, grey, laid_out, report


def test_a_probability_is_shown_in_its_class(make_scene: MakeScene) -> None:
    imagery = probability_imagery("none.tif")
    stored = imagery.reduce(np.array([[[0.05, 0.1, 0.55, 1.0, np.nan]]], dtype=np.float32))
    assert stored.tolist() == [[[13, 25, 140, 254, 0]]]
    painted = imagery.paint(np.concatenate([stored, np.full((1, 1, 5), 255, np.uint8)]))
    assert painted[3, 0, 0] == 0
    assert (np.diff(painted[3, 0, [0, 2, 3]].astype(int)) > 0).all()
    assert imagery.paint(np.stack([stored[0], np.zeros((1, 5), np.uint8)]))[3].max() == 0


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_other_numbers_are_stretched_as_the_run_did(make_scene: MakeScene, card: ModelCard, tmp_path: Path) -> None:
    image = grey(300, 300).astype(np.uint16) * 20
    scene = make_scene(image)
    go(scene, card, first_band(), scale=(1000.0, 4000.0))
    assert report(scene.with_suffix(".gpkg"), "--scene", scene, "-o", tmp_path / "r.html").exit_code == 0
    data = data_of(tmp_path / "r.html")
    frame = laid_out(scene)
    row, col = 150, 150
    place = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True).transform(*(TRANSFORM @ (col + 0.5, row + 0.5)))
    raster = data["rasters"][0]
    tiles = Tiles(raster["images"], raster["shallowest"], raster["deepest"], 1)
    expected = np.clip((float(image[0, row, col]) - 1000) / 3000 * 255, 0, 255)
    assert colour_at(tiles, frame, *place, tiles.deepest)[0] == pytest.approx(expected, abs=12)
