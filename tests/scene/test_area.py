"""What is analysed inside of an area of interest, and that nothing changes there."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import shapely

from landslide_cli.model.card import ModelCard
from landslide_cli.scene.view import View
from tests.conftest import TRANSFORM, MakeScene, blobs, constant, first_band, go, noise


def test_an_area_of_interest_limits_what_is_analysed_and_changes_nothing_inside(
    make_scene: MakeScene, card: ModelCard, tmp_path: Path
) -> None:
    path = make_scene(blobs(900, 1200))
    triangle = shapely.Polygon([TRANSFORM @ p for p in ((100, 100), (600, 150), (300, 500))])
    aoi = tmp_path / "aoi.geojson"
    geopandas.GeoSeries([triangle], crs="EPSG:32648").to_crs(4326).to_file(aoi)
    _, _, everything, _ = go(path, card, first_band())
    engine = first_band()
    _, _, probability, _ = go(path, card, engine, view=View(aoi=aoi))
    centres_x, centres_y = TRANSFORM @ (np.arange(1200)[None] + 0.5, np.arange(900)[:, None] + 0.5)
    inside = shapely.contains_xy(triangle, *np.broadcast_arrays(centres_x, centres_y))
    # The file's seven decimals move the triangle by a centimetre.
    assert np.count_nonzero((probability != 255) != inside) < 10
    assert (probability[probability != 255] == everything[probability != 255]).all()
    assert engine.windows == 3


def test_a_bbox_is_in_the_scenes_coordinates(make_scene: MakeScene, card: ModelCard) -> None:
    left, top = TRANSFORM @ (10, 20)
    right, bottom = TRANSFORM @ (60, 90)
    _, _, probability, _ = go(
        make_scene(noise(3, 200, 200)), card, constant(1), view=View(bbox=(left, bottom, right, top))
    )
    rows, cols = np.nonzero(probability != 255)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (20, 89, 10, 59)
