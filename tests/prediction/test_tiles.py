"""Which pixels the network sees, and that each is read once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslide_cli.model.card import ModelCard
from landslide_cli.prediction import plan as planning
from landslide_cli.prediction.plan import Plan, make_plan
from landslide_cli.prediction.predictor import read_batches
from landslide_cli.prediction.tiles import read_tiles
from landslide_cli.scene.area import Area
from landslide_cli.scene.scene import open_scene
from landslide_cli.tiling import resampling
from landslide_cli.tiling.resampling import resized
from tests.conftest import UTM, MakeScene, StandIn, go, noise


def test_windows_without_a_valid_pixel_are_not_sent(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.zeros((3, 512, 512 * 6), np.uint8)
    pixels[:, :, :100] = 9
    engine = StandIn(lambda x: x[:, 0] / 254, batch_size=1)
    summary, _, _, _ = go(make_scene(pixels, nodata=0), card, engine)
    assert engine.windows == summary.windows == 1


def test_invalid_pixels_reach_the_network_as_the_mean(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = np.full((3, 100, 100), 200, np.uint8)
    pixels[:, :50] = 0
    seen: list[NDArray[Any]] = []

    def remember(x: NDArray[Any]) -> NDArray[Any]:
        seen.append(x)
        return x[:, 0] * 0.0

    go(make_scene(pixels, nodata=0), card, StandIn(remember, batch_size=1))
    assert set(np.unique(seen[0])) == {102, 200}  # 0.4 of 255


@pytest.mark.skipif(not Path("/proc/self/io").is_file(), reason="counts bytes by Linux's /proc")
@pytest.mark.parametrize(("bands", "interleave"), [(3, "band"), (3, "pixel"), (8, "pixel")])
def test_each_block_is_read_once(make_scene: MakeScene, card: ModelCard, bands: int, interleave: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (bands, 1300, 6000)).astype(np.uint8)
    path = make_scene(pixels, tiled=True, blockxsize=256, blockysize=256, interleave=interleave)

    def read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        before = read()
        with rasterio.Env(GDAL_CACHEMAX=plan.cache_bytes):
            assert sum(1 for _ in read_batches(plan, StandIn(lambda x: x[:, 0], batch_size=1))) == len(plan.grid) > 40
        wanted = path.stat().st_size * (3 / bands if interleave == "band" else 1)
    assert read() - before < 1.1 * wanted


def whole(plan: Plan, pixels: NDArray[Any], counts: NDArray[np.bool_], valid: NDArray[np.bool_]) -> Any:
    """What the network would see of a scene that is in memory, and where pixels that count lie under it."""
    filled = np.where(valid, pixels, plan.fill[:, None, None])
    size = plan.rows.seen, plan.cols.seen
    seen = np.rint(resized(filled, size)).astype(pixels.dtype) if plan.resampled else filled
    return seen, (resized(counts, size) > 0 if plan.resampled else counts)


@given(
    st.integers(1, 150), st.integers(1, 150), st.sampled_from([None, 0.3, 1.0, 1.7, 5.0]), st.sampled_from([16, 32, 0]),
    st.integers(50, 3000), st.sampled_from([1.0, 0.999, 0.01]), st.booleans(), st.data(),
)  # fmt: skip
def test_windows_are_cut_from_the_scene_resampled_as_a_whole(
    make_scene: MakeScene, card: ModelCard, height: int, width: int, coarser: float | None, block: int, at_once: int,
    share: float, with_area: bool, data: st.DataObject,
) -> None:  # fmt: skip
    pixels, valid = noise(3, height, width), np.random.default_rng(1).random((height, width)) < share
    tiled = {"tiled": True, "blockxsize": block, "blockysize": block} if block else {"blockysize": 7}
    path = make_scene(pixels, valid=valid, **tiled)
    with pytest.MonkeyPatch.context() as patch, open_scene(path, wanted=card.bands) as scene:
        patch.setattr(planning, "SIZE", 1 << 16)  # any difference in resolution counts
        patch.setattr(resampling, "PIXELS_AT_ONCE", at_once)
        plan = make_plan(
            scene, card, resolution_m=coarser and coarser * 0.8, largest=32, overlap=data.draw(st.integers(0, 16))
        )
        counts = valid
        if with_area:
            x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
            polygon = shapely.Polygon([(x, y), (x + 20, y), (x, y + 40)])
            shapely.prepare(polygon)
            plan = replace(plan, area=Area(polygon))
            assert plan.area is not None
            counts = valid & plan.area.mask(rasterio.windows.Window(0, 0, width, height))
        expected, touched = whole(plan, pixels, counts, valid)
        known, tiles = [], []
        for seen in read_tiles(plan):
            tiles.append(seen.tile)
            at = seen.tile.rows[:, None], seen.tile.cols
            assert (seen.image is not None) == touched[at].any()
            if seen.image is not None and not with_area:  # pixels that no tile of the area shows aren't read
                assert seen.image.dtype == np.uint8
                assert np.abs(seen.image.astype(int) - expected[:, *at]).max() <= (1 if plan.resampled else 0)
            if seen.valid is not None:
                known.append(seen.valid.rows(0, height))
        assert [(tile.row, tile.col) for tile in tiles] == [(tile.row, tile.col) for tile in plan.grid.tiles()]
        assert (np.concatenate(known) == counts).all()


def test_what_an_area_needs_is_read_and_no_more(
    make_scene: MakeScene, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "PIXELS_AT_ONCE", 20_000)
    path = make_scene(noise(3, 900, 1200), tiled=True, blockxsize=64, blockysize=64)
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card, largest=64, overlap=16)
        polygon = shapely.union_all([shapely.box(100, 100, 130, 130), shapely.box(1000, 700, 1010, 710)])
        shapely.prepare(polygon)
        asked = {(one.tile.row, one.tile.col): one.image for one in read_tiles(plan) if one.image is not None}
        read: list[rasterio.windows.Window] = []

        class Counting(type(scene)):  # type: ignore[misc]
            def read(self, window: rasterio.windows.Window) -> Any:
                read.append(window)
                return super().read(window)

        counting = Counting(scene.src, scene.bands, scene.ground, scene.data)
        found = {}
        for one in read_tiles(replace(plan, scene=counting, area=Area(polygon))):
            if one.image is not None:
                found[one.tile.row, one.tile.col] = one.image.copy()
    assert 2 <= len(found) <= 8
    assert sum(window.width * window.height for window in read) < 0.1 * 900 * 1200
    assert set(found) <= set(asked)


def test_rows_of_tiles_can_be_read_alone(
    make_scene: MakeScene, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are the same to the last bit, also where sums of single precision depend on where they begin."""
    monkeypatch.setattr(resampling, "PIXELS_AT_ONCE", 20_000)
    monkeypatch.setattr(resampling, "PIXELS_IN_CACHE", 700)
    pixels = np.random.default_rng(0).random((3, 700, 500), dtype=np.float32)
    with open_scene(make_scene(pixels), wanted=card.bands) as scene:
        for coarser in (None, 1.6, 3.1):
            plan = make_plan(scene, card, largest=64, overlap=16, resolution_m=coarser)
            every = [(one.tile.row, one.image.copy()) for one in read_tiles(plan) if one.image is not None]
            for row in (0, 3, plan.grid.rows.count - 1):
                alone = [one.image.copy() for one in read_tiles(plan, range(row, row + 1)) if one.image is not None]
                expected = [image for number, image in every if number == row]
                assert len(alone) == plan.grid.cols.count
                np.testing.assert_array_equal(np.stack(alone), np.stack(expected))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_bright_pixels_are_clipped_before_they_are_averaged(make_scene: MakeScene, card: ModelCard, dtype: str) -> None:
    pixels = np.full((3, 64, 64), 1000).astype(dtype)
    pixels[:, 32, 32] = 30_000
    with open_scene(make_scene(pixels, crs=UTM), wanted=card.bands) as scene:
        plan = make_plan(scene, card, scale=(0, 2000), resolution_m=8)
        images = [one.image for one in read_tiles(plan) if one.image is not None]
    assert images[0].dtype == dtype
    assert 1000 < images[0].max() < 1010
