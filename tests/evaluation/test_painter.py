"""Where polygons overlap."""

from __future__ import annotations

import numpy as np
import shapely

from landslide_cli.evaluation.painter import Painter


def test_where_polygons_overlap_the_later_one_is_seen() -> None:
    polygons = np.array([shapely.box(x, 0, x + 4, 6) for x in (4, 2, 0)], dtype=object)
    painter = Painter(polygons, width=9)
    expected = np.array([3, 3, 3, 3, 2, 2, 1, 1, 0])
    for first, last in ((0, 6), (2, 3), (4, 8)):
        rows = painter.rows(first, last)
        assert rows.shape == (last - first, 9)
        np.testing.assert_array_equal(rows[: 6 - first], np.broadcast_to(expected, (min(last, 6) - first, 9)))
        assert not rows[6 - first :].any()
    assert not Painter(polygons[:0], width=9).rows(0, 5).any()
