from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.chips.chip import Chip
from landslide_cli.training.augment import Augmentation, cut, together, window_side
from landslide_cli.training.cache import Decoded, decode
from landslide_cli.training.changes import Crops, change

PLAIN = Augmentation(scale_jitter=1, rotate=0, colour=0, blur=0, haze=0, jpeg=0)
FILL = torch.tensor([100.0, 110.0, 120.0])


class Made(Chip):
    """A chip that is in memory already."""

    def __init__(self, image: np.ndarray, mask: np.ndarray, rim: int = 0) -> None:
        for name, value in (("pixels", image), ("truth", mask), ("rim", rim)):
            object.__setattr__(self, name, value)

    __slots__ = ("pixels", "truth")

    def read_image(self) -> np.ndarray:
        return self.pixels

    def read_truth(self, shape: tuple[int, int]) -> np.ndarray:
        return self.truth


def crops(chip: Decoded, size: int, zoom: float, augmentation: Augmentation, count: int = 20) -> Crops:
    """Some crops of a chip, each of its own seed."""
    drawn = [
        cut(np.random.default_rng(seed), chip, size=size, zooms=(zoom, zoom), augmentation=augmentation)
        for seed in range(count)
    ]
    return change(*together(drawn), size=size, fill=FILL, seed=0)


def painted(size: int = 90) -> Decoded:
    """A chip whose truth can be told from its pixels: a bright rectangle is the landslide."""
    mask = np.zeros((size, size), dtype=bool)
    mask[size // 5 : size * 2 // 3, size // 3 : size * 8 // 9] = True
    image = np.where(mask, 210, 60).astype(np.uint8)[..., None].repeat(3, axis=2)
    return decode(Made(image, mask))


def test_a_plain_crop_is_a_window_of_the_mirrored_chip_in_one_of_eight_views() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    mask = rng.random((20, 30)) < 0.3
    wide = np.pad(np.dstack([image, mask]), ((60, 60), (60, 60), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (16, 16), axis=(0, 1))
    windows = {
        windows[r, c].transpose(1, 2, 0).tobytes() for r in range(windows.shape[0]) for c in range(windows.shape[1])
    }
    made = crops(decode(Made(image, mask)), 16, 1, PLAIN)
    both = torch.cat([made.pixels, made.truth], dim=1).permute(0, 2, 3, 1).numpy().round().astype(np.uint8)
    for crop in both:
        views = [np.rot90(flipped, k) for flipped in (crop, crop[:, ::-1]) for k in range(4)]
        assert any(np.ascontiguousarray(view).tobytes() in windows for view in views)


@pytest.mark.parametrize("zoom", [2.0, 1.0, 0.6, 0.25, 0.1])
def test_mask_and_image_stay_together_at_every_scale(zoom: float) -> None:
    """A mask painted into the image is found there again, whatever was done to both."""
    strong = Augmentation(rotate=1, colour=0, blur=0, haze=0, jpeg=1)
    made = crops(painted(), 48, zoom, strong, count=30)
    agree = ((made.pixels.mean(dim=1, keepdim=True) > 135) == (made.truth > 0.5)).float().mean(dim=(1, 2, 3))
    assert agree.min() > 0.93


@given(st.integers(0, 10_000))
def test_whatever_is_drawn_pixels_stay_pixels(seed: int) -> None:
    everything = Augmentation(1.5, *[0.7] * 4, 0.2, *[0.7] * 8)
    one = cut(np.random.default_rng(seed), painted(50), size=24, zooms=(0.3, 2), augmentation=everything)
    made = change(*together([one, one]), size=24, fill=FILL, seed=seed)
    assert torch.isfinite(made.pixels).all()
    assert made.pixels.min() >= 0
    assert made.pixels.max() <= 255
    assert set(made.truth.unique().tolist()) | set(made.weight.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(made.pixels, change(*together([one, one]), size=24, fill=FILL, seed=seed).pixels)


def test_ground_without_pixels_is_filled_and_does_not_count() -> None:
    holes = Augmentation(scale_jitter=1, rotate=0, colour=0, blur=0, haze=0, jpeg=0, collar=1)
    made = crops(painted(), 48, 1, holes, count=40)
    hole = made.weight == 0
    assert (made.pixels.permute(1, 0, 2, 3)[:, hole[:, 0]] == FILL[:, None]).all()
    assert 0.05 < hole.float().mean() < 0.7
    kinds = hole.float().mean(dim=(1, 2, 3))
    assert (kinds > 0).float().mean() > 0.7


def test_a_stretch_takes_gain_and_offset_away() -> None:
    """The same ground, darker and with less contrast, looks the same once stretched."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    mask = np.zeros((64, 64), dtype=bool)
    dim = (image * 0.4 + 30).round().astype(np.uint8)
    only = Augmentation(scale_jitter=1, rotate=0, stretch=1, colour=0, blur=0, haze=0, jpeg=0)
    bright, faint = (crops(decode(Made(each, mask)), 32, 1, only) for each in (image, dim))
    assert (bright.pixels - faint.pixels).abs().mean() < 3


def test_jpeg_is_what_pillow_makes_of_it() -> None:
    import io

    from PIL import Image

    from landslide_cli.training.changes import as_jpeg

    smooth = np.add.outer(np.arange(32), np.arange(32))[..., None] * np.array([3, 2, 4])
    image = (smooth + np.random.default_rng(0).normal(0, 12, (32, 32, 3))).clip(0, 255).astype(np.uint8)
    for quality in (40, 75, 90):
        packed = io.BytesIO()
        Image.fromarray(image).save(packed, "JPEG", quality=quality, subsampling=0)
        theirs = np.asarray(Image.open(packed)).astype(float)
        ours = as_jpeg(torch.from_numpy(image).permute(2, 0, 1)[None] / 255, torch.tensor([float(quality)]))
        ours = ours[0].permute(1, 2, 0).numpy() * 255
        assert np.abs(ours - theirs).mean() < 0.35 * np.abs(theirs - image).mean()


def test_the_window_holds_every_turn_of_the_crop() -> None:
    """No crop reaches past its window: a chip larger than the window is never seen mirrored."""
    side = 400
    rows = np.arange(side) // 2
    image = np.dstack([np.add.outer(rows, 0 * rows), np.add.outer(0 * rows, rows), np.full((side, side), 9)])
    chip = decode(Made(image.astype(np.uint8), np.zeros((side, side), dtype=bool)))
    turned = Augmentation(scale_jitter=1, rotate=1, colour=0, blur=0, haze=0, jpeg=0)
    size = 40
    for seed in range(40):
        one = cut(np.random.default_rng(seed), chip, size=size, zooms=(0.72, 0.72), augmentation=turned)
        corners = torch.tensor([[x, y, 1.0] for x in (-size / 2, size / 2) for y in (-size / 2, size / 2)])
        places = corners @ one.changes.geometry.T
        assert places.min() >= 0
        assert places.max() <= window_side(size)


def test_cutmix_pastes_one_box_with_its_truth() -> None:
    """Pixels say which crop they are from: the pasted ones form a box, and the truth comes from the same crop."""
    no, yes = np.zeros((24, 24), dtype=bool), np.ones((24, 24), dtype=bool)
    dark, bright = (decode(Made(np.full((24, 24, 3), value, np.uint8), mask)) for value, mask in ((10, no), (90, yes)))
    pasting = Augmentation(scale_jitter=1, rotate=0, colour=0, blur=0, haze=0, jpeg=0, cutmix=1)
    shares = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        two = [cut(rng, chip, size=24, zooms=(1, 1), augmentation=pasting) for chip in (bright, dark)]
        made = change(*together(two), size=24, fill=FILL, seed=0)
        pasted = made.truth[1, 0].numpy() == 1
        np.testing.assert_array_equal((made.pixels[1] == 90).all(dim=0).numpy(), pasted)
        rows, cols = pasted.any(axis=1), pasted.any(axis=0)
        np.testing.assert_array_equal(pasted, rows[:, None] & cols)
        assert all((np.diff(np.flatnonzero(axis)) == 1).all() for axis in (rows, cols))
        shares.append(pasted.mean())
    assert min(shares) < 0.05
    assert max(shares) > 0.6
