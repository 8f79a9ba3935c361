"""Where scenes looked: pieces of footprints answer as the footprints would."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from landslide_cli.inventory.footprints import VERTICES, Edge, Footprints


def stairs(seed: int) -> shapely.Polygon:
    """A footprint with thousands of steps and some holes."""
    angle = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    reach = 100 + 3 * np.random.default_rng(seed).random(len(angle))
    outline = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1) + seed * 40
    holes = shapely.union_all([shapely.Point(seed * 40 + x, seed * 40).buffer(9) for x in (-50, 0, 50)])
    return shapely.make_valid(shapely.Polygon(outline.round(1))).difference(holes)


@pytest.fixture(scope="module")
def looked() -> tuple[list[shapely.Polygon], np.ndarray]:
    outlines = [stairs(0), stairs(1)]
    rng = np.random.default_rng(5)
    discs = [shapely.Point(*rng.uniform(-110, 150, 2)).buffer(rng.uniform(1, 15)) for _ in range(300)]
    return outlines, np.array(discs, dtype=object)


def test_pieces_tell_who_looked(looked: tuple[list[shapely.Polygon], np.ndarray]) -> None:
    outlines, discs = looked
    assert min(shapely.get_num_coordinates(outlines)) > 10 * VERTICES
    footprints = Footprints(np.array(outlines, dtype=object), np.array([0, 7]))
    which, scene = footprints.looks(discs)
    found = set(zip(which.tolist(), scene.tolist(), strict=True))
    for number, outline in zip((0, 7), outlines, strict=True):
        share = shapely.area(shapely.intersection(discs, outline)) / shapely.area(discs)
        assert {n for n, s in found if s == number} == set(np.flatnonzero(share > 0.5).tolist())
        expected = shapely.area(shapely.difference(discs, outline))
        beyond = footprints.outside(discs, np.full(len(discs), number))
        assert shapely.area(beyond) == pytest.approx(expected, abs=1e-6)


def test_points_are_looked_at_or_not() -> None:
    footprints = Footprints(np.array([shapely.box(0, 0, 10, 10)], dtype=object), np.array([3]))
    points = shapely.points([(5, 5), (10, 5), (11, 5)])
    assert footprints.looks(points)[0].tolist() == [0, 1]
    assert footprints.looked(points, np.array([3, 4, 3])).tolist() == [True, False, False]


def test_of_no_footprint_nobody_looked() -> None:
    footprints = Footprints(np.empty(0, dtype=object), np.empty(0, np.int64))
    box = np.array([shapely.box(0, 0, 1, 1)], dtype=object)
    assert len(footprints.looks(box)[0]) == 0
    assert shapely.equals(footprints.outside(box, np.array([0])), box).all()


def test_the_edge_is_touched_within_a_distance() -> None:
    ring = shapely.box(0, 0, 100, 100).difference(shapely.box(40, 40, 60, 60))
    boxes = shapely.box([0.3, 5, 30, 61], [5, 5, 45, 61], [9, 9, 39.8, 70], [9, 9, 50, 70])
    edge = Edge(np.array([ring], dtype=object))
    assert edge.touches(boxes, np.full(4, 0.5)).tolist() == [True, False, True, False]
