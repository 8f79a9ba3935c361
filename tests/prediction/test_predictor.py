"""Bands that are predicted by themselves are, one after another, the unbroken run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslide_cli.engine.views import in_views
from landslide_cli.model.card import ModelCard
from landslide_cli.mosaic import blend as blending
from landslide_cli.mosaic.blend import Strip, blend
from landslide_cli.prediction import plan as planning
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.prediction.predictor import Predictor
from landslide_cli.scene.area import Area
from landslide_cli.scene.scene import open_scene
from landslide_cli.tiling import resampling
from landslide_cli.tiling.bands import Band
from tests.conftest import MakeScene, StandIn, noise


def uneven(pixels: NDArray[Any]) -> NDArray[Any]:
    """Answers of which no two sums are alike."""
    return np.sin(pixels[:, 0].astype(np.float32)) ** 2 / 3 + 0.1


def strips_of(plan: Plan, band: Band | None = None) -> tuple[list[Strip], int]:
    predictor = Predictor(plan, in_views(StandIn(uneven), plan.tta), band=band)
    with closing(iter(predictor)) as predictions:
        shape = plan.rows, plan.cols
        strips = list(blend(predictions, plan.grid, scene=shape, spread=plan.tta != "none", band=band))
    return strips, predictor.asked


@given(
    st.integers(1, 190), st.integers(1, 120), st.sampled_from([None, 0.3, 0.9, 1.0, 1.7, 5.0]),
    st.sampled_from([16, 32, 0]), st.integers(50, 9000), st.sampled_from([1.0, 0.999, 0.1]),
    st.sampled_from(["uint8", "uint16", "float32"]), st.data(),
)  # fmt: skip
def test_bands_one_after_another_are_the_unbroken_run(
    make_scene: MakeScene, card: ModelCard, height: int, width: int, coarser: float | None, block: int, at_once: int,
    share: float, dtype: str, data: st.DataObject,
) -> None:  # fmt: skip
    valid = np.random.default_rng(1).random((height, width)) < share
    tiled = {"tiled": True, "blockxsize": block, "blockysize": block} if block else {"blockysize": 7}
    path = make_scene(noise(3, height, width, dtype=dtype), valid=valid, **tiled)
    with pytest.MonkeyPatch.context() as patch, open_scene(path, wanted=card.bands) as scene:
        patch.setattr(planning, "SIZE", 1 << 16)  # any difference in resolution counts
        patch.setattr(resampling, "PIXELS_AT_ONCE", at_once)
        patch.setattr(resampling, "PIXELS_IN_CACHE", max(1, at_once // 20))
        # What 254 steps would hide: sums that were added in another order.
        patch.setattr(blending, "quantise", lambda sums, known: np.where(known, sums, np.float32(np.inf)))
        plan = make_plan(
            scene, card, resolution_m=coarser and coarser * 0.8, largest=32, overlap=data.draw(st.integers(0, 16)),
            scale=(0, 250), tta=data.draw(st.sampled_from(["none", "flips"])),
        )  # fmt: skip
        if data.draw(st.booleans()):
            x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
            plan = replace(plan, area=Area(shapely.Polygon([(x, y), (x + 20, y), (x, y + 40)])))
        rows = plan.grid.rows.count
        edges = sorted({0, rows, *data.draw(st.sets(st.integers(0, rows), max_size=4))})
        bands = [plan.rows_of_windows(ends) for ends in pairwise(edges)]
        whole, asked = strips_of(plan)
        found = [strips_of(plan, band) for band in bands]
    together = [strip for strips, _ in found for strip in strips]
    assert [strip.top for strip in together] == [strip.top for strip in whole]
    for one, other in zip(together, whole, strict=True):
        np.testing.assert_array_equal(one.stored, other.stored)
        if other.spread is not None:
            np.testing.assert_array_equal(one.spread, other.spread)
    assert sum(count for _, count in found) == asked
    for band, (strips, _) in zip(bands, found, strict=True):
        assert sum(len(strip.stored) for strip in strips) == band.bottom - band.top


def test_a_seam_takes_the_row_of_windows_above_and_no_more(make_scene: MakeScene, card: ModelCard) -> None:
    with open_scene(make_scene(noise(3, 1200, 60)), wanted=card.bands) as scene:
        for coarser, overlap in ((None, 16), (1.6, 16), (0.6, 16), (None, 0)):
            plan = make_plan(scene, card, largest=64, overlap=overlap, resolution_m=coarser)
            assert plan.grid.rows.count > 7
            band = plan.rows_of_windows((5, 7))
            assert list(band.windows) == ([5, 6] if overlap == 0 else [4, 5, 6])


@pytest.mark.parametrize(("coarser", "overlap"), [(None, 16), (1.7, 0), (0.6, 32)])
def test_progress_of_bands_one_after_another_is_that_of_the_run(
    make_scene: MakeScene, card: ModelCard, coarser: float | None, overlap: int
) -> None:
    with open_scene(make_scene(noise(3, 300, 190)), wanted=card.bands) as scene:
        plan = make_plan(scene, card, largest=64, overlap=overlap, resolution_m=coarser and coarser * 0.8)
        rows, total = plan.grid.rows.count, 300 * 190
        whole: list[int] = []
        in_bands: list[int] = []
        for told, edges in ((whole, [0, rows]), (in_bands, [0, 1, rows - 1, rows])):
            for ends in pairwise(edges):
                band = plan.rows_of_windows(ends)
                before = told[-1] if told else 0

                def tell(done: int, of: int, told: list[int] = told, before: int = before) -> None:
                    assert before <= done <= of == total
                    told.append(done)

                list(Predictor(plan, StandIn(uneven), on_progress=tell, band=band))
        assert whole == sorted(whole)
        assert whole[-1] == in_bands[-1] == total
        # Windows above a seam are asked about twice and count once.
        assert sorted(set(whole)) == sorted(set(in_bands) & set(whole))
        assert len(whole) == len(plan.grid)
