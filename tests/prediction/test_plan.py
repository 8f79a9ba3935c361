"""What follows from the scene's size, resolution and number type, before a pixel is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from landslide_cli.model.card import ModelCard
from landslide_cli.prediction.plan import make_plan
from landslide_cli.scene.scene import open_scene
from tests.conftest import TRANSFORM, UTM, MakeScene, StandIn, blobs, go, noise


def test_sixteen_bit_scenes_are_stretched_as_a_whole(make_scene: MakeScene, card: ModelCard) -> None:
    pixels = (noise(3, 300, 300).astype(np.uint16) + 5) * 40
    path = make_scene(pixels)
    with open_scene(path, wanted=card.bands) as scene:
        low, high = make_plan(scene, card).value_range
        assert make_plan(scene, card, scale=(1, 9000)).value_range == (1, 9000)
    assert (low, high) == pytest.approx(np.percentile(pixels, (1, 99)), rel=0.05)


@pytest.mark.filterwarnings("ignore::landslide_cli.errors.CoarseWarning")  # 0.8 m shown to a network of 0.2 m
@pytest.mark.parametrize(("factor", "size"), [(0.25, 256), (4, 512)])
def test_a_scene_outside_the_trained_resolution_is_seen_at_the_nearest_one(
    make_scene: MakeScene, card: ModelCard, factor: float, size: int
) -> None:
    """``factor`` pixels of the network for each of the scene."""
    metres = 0.8 / factor
    from dataclasses import replace

    card = replace(card, resolution_m=(metres, metres))
    pixels = np.zeros((3, 900, 900), np.uint8)
    pixels[0, 300:500, 200:600] = 254
    shapes_seen = set()

    def remember(x: NDArray[Any]) -> NDArray[Any]:
        shapes_seen.add(x.shape[2:])
        return x[:, 0] / 254

    path = make_scene(pixels)
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        assert plan.working_m == metres
    _, slides, _, _ = go(path, card, StandIn(remember, batch_size=1))
    assert shapes_seen == {(size, size)}
    drawn = shapely.box(*(TRANSFORM @ (200, 500)), *(TRANSFORM @ (600, 300)))
    # Corners are rounded by what the network doesn't see.
    assert shapely.area(slides.geometry.iloc[0] ^ drawn) < 4 * metres**2
    assert shapely.hausdorff_distance(slides.geometry.iloc[0], drawn) < metres


@pytest.mark.filterwarnings("ignore::landslide_cli.errors.CoarseWarning")
@pytest.mark.parametrize("metres", [1e308, 1e9])
def test_pixels_larger_than_the_scene_are_one(make_scene: MakeScene, card: ModelCard, metres: float) -> None:
    with open_scene(make_scene(noise(3, 90, 120)), wanted=card.bands) as scene:
        plan = make_plan(scene, card, resolution_m=metres)
    assert (plan.rows.seen, plan.cols.seen) == (1, 1)


def test_degrees_far_from_the_equator_are_made_square(make_scene: MakeScene, card: ModelCard) -> None:
    path = make_scene(noise(3, 600, 900), crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60.0))
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
    assert plan.cols.factor / plan.rows.factor == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(("dtype", "seen_at_m"), [("uint8", None), ("uint16", None), ("uint8", 2.5)])
def test_buffers_of_a_wide_scene_have_a_limit(
    card: ModelCard, tmp_path: Path, dtype: str, seen_at_m: float | None
) -> None:
    path = tmp_path / "wide.tif"
    profile = {"driver": "GTiff", "width": 40_000, "height": 9_000, "count": 3, "dtype": dtype, "tiled": True}
    with rasterio.open(path, "w", crs=UTM, transform=Affine(0.5, 0, 5e5, 0, -0.5, 3e6), sparse_ok=True, **profile):
        pass
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card, resolution_m=seen_at_m, scale=(0, 255))
        assert plan.cache_bytes + plan.read_bytes + plan.blended_bytes < 700e6
        # A row of blocks is decoded once.
        assert plan.cache_bytes > scene.width * scene.src.block_shapes[0][0] * 3 * scene.dtype.itemsize


@pytest.mark.parametrize(("zoomed_out", "size"), [(None, 192), (2.0, 96), (4.0, 64)])
def test_a_small_scene_is_one_window_not_much_larger(
    make_scene: MakeScene, card: ModelCard, zoomed_out: float | None, size: int
) -> None:
    with open_scene(make_scene(blobs(100, 170)), wanted=card.bands) as scene:
        assert scene.resolution_m is not None
        plan = make_plan(scene, card, resolution_m=zoomed_out and zoomed_out * scene.resolution_m)
        assert plan.size == size
        assert len(plan.grid) == 1
        # Pixels are nearly, not quite, square on the ground.
        assert plan.scene_px(size) == pytest.approx((size * (zoomed_out or 1),) * 2, rel=0.03)


@pytest.mark.parametrize(("ratio", "square"), [(1.2, False), (1.3, True)])
def test_pixels_are_made_square_if_their_sides_differ_by_more_than_a_quarter(
    make_scene: MakeScene, card: ModelCard, ratio: float, square: bool
) -> None:
    path = make_scene(noise(3, 600, 700), transform=Affine(1, 0, 500_000, 0, -ratio, 2_950_000))
    with open_scene(path, wanted=card.bands) as scene:
        plan = make_plan(scene, card)
    assert plan.resampled == square
    if square:
        assert plan.cols.factor / plan.rows.factor == pytest.approx(ratio, rel=0.01)
