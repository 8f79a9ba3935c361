"""Outlines on the map."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely

from landslide_cli.report.outlines import outlines
from tests.conftest import TRANSFORM, UTM, MakeScene, blobs, noise
from tests.report.conftest import laid_out, unpacked


@pytest.mark.parametrize("limit", [10**6, 2000])
def test_outlines_come_back_as_they_were(make_scene: MakeScene, limit: int) -> None:
    path = make_scene(noise(3, 400, 400))
    frame = laid_out(path)
    shapes = [
        shapely.geometry.shape(shape)
        for shape, value in rasterio.features.shapes((blobs(400, 400)[0] > 127).astype(np.uint8), transform=TRANSFORM)
        if value == 1
    ]
    shapes = [*shapes, shapely.MultiPolygon([shapely.box(5e5 + k, 2949900, 5e5 + k + 5, 2949910) for k in (0, 9)])]
    placed = frame.place(np.array(shapes, dtype=object), UTM)
    drawn = outlines(placed, frame, limit=limit)
    assert (drawn.simplified_px > 0) == (limit == 2000)
    assert len(drawn.shapes) == len(shapes)
    for rings, shape in zip(drawn.shapes, placed, strict=True):
        there = shapely.transform(shape, lambda x, y: frame.pixels(x, y, drawn.zoom), interleaved=False)
        there = shapely.affinity.translate(there, *(-v for v in drawn.origin))
        # Eight units are a pixel or so; outlines move by at most half a unit, if they aren't simplified.
        assert not unpacked(rings).is_empty
        if drawn.simplified_px == 0:
            assert unpacked(rings).hausdorff_distance(there) < 1
    if limit == 2000:
        assert sum(len(ring) for rings in drawn.shapes for ring in rings) < 2.2 * limit
