"""The map across the antimeridian."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from affine import Affine

from tests.conftest import MakeScene, noise
from tests.report.conftest import laid_out


def test_the_map_has_no_seam_at_the_antimeridian(make_scene: MakeScene) -> None:
    path = make_scene(noise(3, 300, 400), crs="EPSG:4326", transform=Affine(1e-5, 0, 179.998, 0, -1e-5, 10))
    frame = laid_out(path)
    left, _, right, _ = frame.outline.bounds
    assert right - left == pytest.approx(math.radians(400e-5) * 6378137, rel=1e-6)
    beyond = shapely.box(-179.999, 9.998, -179.9985, 9.999)
    x = shapely.bounds(frame.place(np.array([beyond]), 4326)[0])[0]
    assert left < x < right
