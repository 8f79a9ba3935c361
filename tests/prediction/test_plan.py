"""What follows from the scene's size, resolution and number type, before a pixel is read."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from landslide_cli.errors import CoarseWarning, SceneError
from landslide_cli.model.card import ModelCard
from landslide_cli.prediction import plan as planning
from landslide_cli.prediction.plan import SIZE, make_plan
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


@pytest.mark.parametrize(
    ("trained_m", "seen_m"), [((0.5, 2.0), 1.0), ((1.0, 1.0), 1.0), ((1.5, 2.0), 1.5), ((0.3, 0.8), 0.8)]
)
def test_the_scene_is_seen_in_its_own_pixels_within_the_trained_range(
    make_scene: MakeScene, card: ModelCard, trained_m: tuple[float, float], seen_m: float
) -> None:
    path = make_scene(noise(3, 300, 400), crs="EPSG:32631", transform=Affine(1, 0, 166_021, 0, -1, 9))
    with open_scene(path, wanted=card.bands) as scene:
        one = scene.resolution_m
        assert one is not None
        plan = make_plan(scene, replace(card, resolution_m=(trained_m[0] * one, trained_m[1] * one)))
    assert plan.working_m == pytest.approx(seen_m * one)
    assert plan.resampled == (seen_m != 1)
    assert (plan.rows.seen, plan.cols.seen) == pytest.approx((300 / seen_m, 400 / seen_m), abs=1)


@pytest.mark.parametrize(("pixels", "resampled"), [(0.4, False), (0.6, True)])
def test_what_no_window_would_show_is_not_resampled(
    make_scene: MakeScene, card: ModelCard, pixels: float, resampled: bool
) -> None:
    """Less than half a pixel in a whole window, either way."""
    with open_scene(make_scene(noise(3, 3000, 60)), wanted=card.bands) as scene:
        ground = replace(scene.ground, pixel_m=(1.0, 1.0))
        for sign in (-1, 1):
            plan = make_plan(replace(scene, ground=ground), card, resolution_m=1 + sign * pixels / SIZE)
            assert plan.resampled == resampled


@pytest.mark.filterwarnings("ignore::landslide_cli.errors.NoCRSWarning")
def test_without_a_crs_a_resolution_can_not_be_met(make_scene: MakeScene, card: ModelCard) -> None:
    with open_scene(make_scene(noise(3, 60, 60), crs=None), wanted=card.bands) as scene:
        plan = make_plan(scene, card)
        assert not plan.resampled
        assert plan.working_m is None
        with pytest.raises(SceneError, match=r"has no CRS, so --resolution 2\.5 can't be met; assign a CRS first"):
            make_plan(scene, card, resolution_m=2.5)


@pytest.mark.parametrize(("times", "said"), [(2.0, None), (2.01, "warned"), (10.0, "warned"), (10.01, "refused")])
def test_pixels_coarser_than_in_training_are_warned_of_then_refused(
    make_scene: MakeScene, card: ModelCard, times: float, said: str | None
) -> None:
    with open_scene(make_scene(noise(3, 60, 60)), wanted=card.bands) as scene:
        most = (scene.resolution_m or 0) / times
        card = replace(card, resolution_m=(most / 2, most))
        told = rf"has pixels of 0\.8 m, but {card.model_id} was trained for {most / 2:g} to {most:g} m"
        if said == "refused":
            with pytest.raises(SceneError, match=told + r".*--resolution 0\.8 tries nonetheless"):
                make_plan(scene, card)
        elif said == "warned":
            with pytest.warns(CoarseWarning, match=told):
                make_plan(scene, card)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make_plan(scene, card, resolution_m=0.8)
            if said is None:
                make_plan(scene, card)


def test_more_than_can_be_done_is_refused_by_its_number(
    make_scene: MakeScene, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_scene(make_scene(noise(3, 60, 90)), wanted=card.bands) as scene:
        monkeypatch.setattr(planning, "MOST_PIXELS", 60 * 90)
        make_plan(scene, card)
        monkeypatch.setattr(planning, "MOST_PIXELS", 60 * 90 - 1)
        with pytest.raises(SceneError, match=r"would see 90 x 60 pixels at 0\.8 m, more than can be done.*coarser"):
            make_plan(scene, card)
        monkeypatch.setattr(planning, "MOST_PIXELS", 10**12)
        plan = make_plan(scene, card)
        needed = plan.cache_bytes + plan.read_bytes + plan.blended_bytes
        monkeypatch.setattr(planning, "MOST_BYTES", needed)
        make_plan(scene, card)
        monkeypatch.setattr(planning, "MOST_BYTES", needed - 1)
        with pytest.raises(SceneError, match=r"rows of 90 pixels in blocks of 90 x \d+ need 0\.0 GB of memory"):
            make_plan(scene, card)
        with pytest.raises(SceneError, match="would see 180 x 120 pixels"):
            make_plan(scene, card, resolution_m=(scene.resolution_m or 0) / 2)


@pytest.mark.parametrize(("tta", "layers"), [("none", 1), ("flips", 2), ("d4", 2)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_memory_that_is_told_is_that_of_the_rows_that_are_held(
    make_scene: MakeScene, card: ModelCard, tta: str, layers: int, dtype: str
) -> None:
    with open_scene(make_scene(noise(4, 90, 300, dtype="uint8").astype(dtype)), wanted=card.bands) as scene:
        plan = make_plan(scene, card, tta=tta, largest=64, scale=(0, 255))
    assert plan.blended_bytes == np.zeros((layers, 64, 300), np.float32).nbytes
    assert plan.read_bytes == np.zeros((3, 64, 300), dtype).nbytes + np.zeros((64, 300), bool).nbytes
