"""Small landslides, holes and vertices."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from landslide_cli.model.card import ModelCard
from tests.conftest import MakeScene, blobs, first_band, go


def test_min_area_holes_and_simplification(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.zeros((3, 300, 300), np.uint8)
    pixels[0, 10:110, 10:110] = 254  # with two holes
    pixels[0, 20:24, 20:24] = 0  # 10.24 m²
    pixels[0, 40:60, 40:60] = 0  # 256 m²
    pixels[0, 200:205, 200:205] = 254  # 16 m²
    path = make_scene(pixels)
    _, slides, _, mask = go(path, card, first_band(), min_area_m2=17, fill_holes_m2=11)
    assert len(slides) == 1
    assert len(slides.geometry.iloc[0].interiors) == 1
    assert slides["area_m2"].iloc[0] == pytest.approx((10_000 - 400) * 0.64, rel=1e-3)
    assert mask[202, 202] == 1  # the raster is the threshold alone
    plain = go(make_scene(blobs(400, 400)), card, first_band())[1]
    simple = go(make_scene(blobs(400, 400)), card, first_band(), simplify_m=2)[1]
    assert simple.geometry.is_valid.all()
    assert len(simple) == len(plain)
    assert shapely.get_num_coordinates(simple.geometry).sum() < shapely.get_num_coordinates(plain.geometry).sum() / 2
    # hausdorff_distance compares vertices, and a stair's vertex lies within the tolerance of the new edge.
    assert shapely.hausdorff_distance(simple.geometry, plain.geometry).max() < 2.5
