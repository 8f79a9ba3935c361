"""What is analysed inside of an area of interest, and that nothing changes there."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from landslide_cli.errors import AreaError, OutsideAreaError
from landslide_cli.model.card import ModelCard
from landslide_cli.scene.area import Area, read_area
from landslide_cli.scene.scene import open_scene
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


@pytest.mark.parametrize(
    ("box", "error", "told"),
    [
        ((10, 20, 10, 30), AreaError, "is empty"), ((10, 20, 30, 20), AreaError, "is empty"),
        ((30, 20, 10, 30), AreaError, "is empty"), ((10, 30, 30, 20), AreaError, "is empty"),
        ((-30, -30, -1, 50), OutsideAreaError, "does not meet the scene"),
        ((-30, 0, 0, 50), OutsideAreaError, "does not meet the scene"),  # an edge alone
    ],
)  # fmt: skip
def test_a_box_of_nothing_is_refused(
    make_scene: MakeScene, box: tuple[float, ...], error: type[Exception], told: str
) -> None:
    """Boxes in metres from the scene's lower left corner."""
    with open_scene(make_scene(noise(3, 60, 50)), wanted=("red", "green", "blue")) as scene:
        x, y = scene.transform @ (0, scene.height)
        left, bottom, right, top = box
        with pytest.raises(error, match=told):
            read_area(View(bbox=(x + left, y + bottom, x + right, y + top)), scene)
        assert read_area(View(), scene) is None


@given(
    st.lists(st.tuples(st.floats(-9, 60), st.floats(-9, 60)), min_size=3, max_size=6),
    st.integers(0, 40), st.integers(0, 30), st.integers(1, 20), st.integers(1, 20),
)  # fmt: skip
def test_a_pixel_is_inside_by_its_centre(
    corners: list[tuple[float, float]], left: int, top: int, width: int, height: int
) -> None:
    polygon = shapely.make_valid(shapely.Polygon(corners))
    if polygon.area < 1:
        return
    area = Area(polygon)
    rows, cols = np.mgrid[top : top + height, left : left + width] + 0.5
    found = area.mask(Window(left, top, width, height))
    assert found.shape == (height, width)
    centres = shapely.points(cols, rows)
    clear = shapely.distance(polygon.boundary, centres) > 1e-6
    assert (found == shapely.contains(polygon, centres))[clear].all()
