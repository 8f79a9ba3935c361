"""Small landslides, holes and vertices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import example, given
from hypothesis import strategies as st
from rasterio.crs import CRS

from landslide_cli.inventory.rules import PolygonRules, fill_holes, shaped
from landslide_cli.model.card import ModelCard
from landslide_cli.polygons import StreamingPolygonizer, joined
from landslide_cli.scene.ground import Ground
from tests.conftest import TRANSFORM, MakeScene, blobs, first_band, go, noise


@pytest.fixture
def holed(make_scene: MakeScene) -> Path:
    """A landslide of 6400 m² with holes of 10.24 and 256 m², and one of 16 m²."""
    pixels = np.zeros((3, 300, 300), np.uint8)
    pixels[0, 10:110, 10:110] = 254
    pixels[0, 20:24, 20:24] = 0
    pixels[0, 40:60, 40:60] = 0
    pixels[0, 200:205, 200:205] = 254
    return make_scene(pixels)


def test_small_landslides_are_dropped_from_the_polygons_alone(holed: Path, card: ModelCard) -> None:
    _, slides, _, mask = go(holed, card, first_band(), min_area_m2=17)
    assert len(slides) == 1
    assert mask[202, 202] == 1  # the raster is the threshold alone


def test_small_holes_are_filled_and_count(holed: Path, card: ModelCard) -> None:
    _, slides, _, _ = go(holed, card, first_band(), fill_holes_m2=11)
    assert [len(slide.interiors) for slide in slides.geometry] == [1, 0]
    assert slides["area_m2"].iloc[0] == pytest.approx((10_000 - 400) * 0.64, rel=1e-3)


def test_simplified_outlines_are_valid_have_fewer_vertices_and_stay_near(
    make_scene: MakeScene, card: ModelCard
) -> None:
    plain = go(make_scene(blobs(400, 400)), card, first_band())[1]
    simple = go(make_scene(blobs(400, 400)), card, first_band(), simplify_m=2)[1]
    assert simple.geometry.is_valid.all()
    assert len(simple) == len(plain)
    assert shapely.get_num_coordinates(simple.geometry).sum() < shapely.get_num_coordinates(plain.geometry).sum() / 2
    # hausdorff_distance compares vertices, and a stair's vertex lies within the tolerance of the new edge.
    assert shapely.hausdorff_distance(simple.geometry, plain.geometry).max() < 2.5


def test_a_part_in_a_hole_that_is_filled_is_swallowed() -> None:
    """With --connectivity 8 a landslide may have a part in a hole of another part, which touches it at a corner."""
    ring = shapely.Polygon(shapely.box(0, 0, 6, 6).exterior, [shapely.box(1, 1, 5, 5).exterior])
    island, beside = shapely.box(2, 2, 3, 3), shapely.box(6, 6, 7, 7)
    ground = Ground(Affine(1, 0, 500_000, 0, -1, 2_950_000), CRS.from_epsg(32648), (1.0, 1.0))
    (filled,) = fill_holes(np.array([shapely.MultiPolygon([ring, island, beside])], dtype=object), ground, 100)
    assert filled.is_valid
    assert filled.equals(shapely.MultiPolygon([shapely.box(0, 0, 6, 6), beside]))
    (kept,) = fill_holes(np.array([shapely.MultiPolygon([ring, island])], dtype=object), ground, 1)
    assert kept.equals(shapely.MultiPolygon([ring, island]))


GRIDS = {
    "north-up": TRANSFORM,
    "degrees": Affine(1.1e-5, 0, 105.03, 0, -0.9e-5, 26.67),
    "turned": Affine.translation(500_080.3, 2_949_900.7) @ Affine.rotation(30) @ Affine.scale(0.7, -0.7),
}


@pytest.mark.parametrize("grid", GRIDS)
@given(
    seed=st.integers(0, 10_000), share=st.sampled_from([0.3, 0.5, 0.6]), connectivity=st.sampled_from([4, 8]),
    smooth=st.booleans(), simplify_m=st.sampled_from([0.0, 0.9, 3.0]), fill_holes_m2=st.sampled_from([0.0, 20.0]),
)  # fmt: skip
@example(seed=837, share=0.5, connectivity=8, smooth=False, simplify_m=0.9, fill_holes_m2=0.0)
def test_polygons_of_noise_are_valid_where_they_are_placed(
    grid: str, seed: int, share: float, connectivity: int, smooth: bool, simplify_m: float, fill_holes_m2: float
) -> None:
    """There rings touch at most places; a touch that is moved by a rounding is a crossing."""
    crs = CRS.from_epsg(4326 if grid == "degrees" else 32648)
    ground = Ground(GRIDS[grid], crs, (0.8, 0.8))
    stored = (noise(60, 60, seed=seed) < 256 * share).astype(np.uint8) * 200
    polygonizer = StreamingPolygonizer(60, connectivity=connectivity, level=99.5 if smooth else None)
    known = np.ones_like(stored, dtype=bool)
    found = joined([polygonizer.feed(stored > 0, stored, known), polygonizer.close()])
    rules = PolygonRules(simplify_m=simplify_m, fill_holes_m2=fill_holes_m2, min_area_m2=0)
    keep, placed, area, perimeter = shaped(found.geometry, ground, rules)
    assert keep.all()
    assert shapely.is_valid(placed).all()
    assert (shapely.area(placed) > 0).all()
    assert (area > 0).all()
    assert (perimeter > 0).all()
