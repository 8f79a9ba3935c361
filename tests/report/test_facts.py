"""What counts, and in which units it is told."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely

from landslide_cli.report.facts import areas_of, count, hectares, listed, totals
from landslide_cli.report.sight import Coverage


def test_what_was_rejected_and_what_stands_twice_does_not_count() -> None:
    boxes = [shapely.box(500_000 + x, 3_000_000, 500_010 + x, 3_000_010) for x in (0, 5, 100, 200, 300)]
    frame = geopandas.GeoDataFrame(
        {
            "status": ["landslide", None, "not_landslide", "unreviewed", "?"], "overlaps": [1, 1, 0, 0, 0],
            "same_as": [np.nan, np.nan, np.nan, 1, np.nan], "area_m2": [100.0, 100, 100, 100, np.nan],
        },
        geometry=boxes, crs="EPSG:32645",
    )  # fmt: skip
    areas = areas_of(frame)
    assert np.isfinite(areas).all()
    counted = count(frame, areas, np.ones(5))
    assert (counted.landslides, counted.rejected, counted.doubles, counted.unknown) == (3, 1, 1, 0)
    # Two of them share half of their ground.
    assert counted.area_m2 == pytest.approx(250, rel=2e-3)
    unknown = count(frame, np.where(np.arange(5) == 4, np.nan, areas), np.ones(5))
    assert unknown.unknown == 1
    assert unknown.area_m2 == pytest.approx(150, rel=2e-3)


@pytest.mark.parametrize("sizes", [(122_000.0, 4_131_900.0), (900.0, 2e8), (5e7, 5e7)])
def test_areas_that_are_compared_have_one_unit(sizes: tuple[float, float]) -> None:
    assert len({hectares(size, max(sizes)).split()[-1] for size in sizes}) == 1


def test_an_area_that_nobody_knows_empties_no_tile() -> None:
    frame = geopandas.GeoDataFrame({"area_m2": [100.0, np.nan, 300]}, geometry=[shapely.box(0, 0, 1, 1)] * 3)
    told = dict(totals(count(frame, areas_of(frame), np.array([1, 1, 0.5])), 0, Coverage(None, 40_000.0, 1.0, 1.0, {})))
    assert told == {
        "Landslides": "3", "Area together": "400 m²", "Without a known area": "1", "Of the analysed area": "0.62%",
        "Median area": "200 m²", "Largest": "300 m²", "Cut by the border": "0",
    }  # fmt: skip


def test_of_many_names_the_first_are_told() -> None:
    assert listed(list("abcdefgh"), 3) == "a, b, c, and 5 more"
    assert listed(["a"]) == "a"
