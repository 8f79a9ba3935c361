from __future__ import annotations

import numpy as np

from landslide_cli.training.augment import Augmentation, cutmix, random_crop

PLAIN = Augmentation(scale_jitter=1, rotate=0, colour=0, blur=0, haze=0, jpeg=0)


def test_a_plain_crop_is_a_window_of_the_mirrored_chip_in_one_of_eight_views() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)
    mask = rng.random((20, 30)) < 0.3
    wide = np.pad(np.dstack([image, mask]), ((60, 60), (60, 60), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (16, 16), axis=(0, 1))
    windows = {
        windows[r, c].transpose(1, 2, 0).tobytes() for r in range(windows.shape[0]) for c in range(windows.shape[1])
    }
    for seed in range(20):
        crop, truth = random_crop(np.random.default_rng(seed), image, mask, size=16, zoom=1, augmentation=PLAIN)
        both = np.dstack([crop, truth]).astype(np.uint8)
        views = [np.rot90(flipped, k) for flipped in (both, both[:, ::-1]) for k in range(4)]
        assert any(np.ascontiguousarray(view).tobytes() in windows for view in views)


def test_augmentation_keeps_mask_and_image_together() -> None:
    """A mask painted into the image is found there again, whatever was done to both."""
    mask = np.zeros((90, 90), dtype=bool)
    mask[20:60, 30:80] = True
    image = np.where(mask, 210, 60).astype(np.uint8)[..., None].repeat(3, axis=2)
    strong = Augmentation(scale_jitter=1.5, rotate=1, colour=0, blur=0, haze=0, jpeg=1)
    for seed in range(30):
        crop, truth = random_crop(np.random.default_rng(seed), image, mask, size=48, zoom=1, augmentation=strong)
        assert ((crop.mean(axis=2) > 135) == truth).mean() > 0.95


def test_cutmix_pastes_one_box_with_its_truth() -> None:
    """Pixels say which crop they are from: the pasted ones form a box, and the truth comes from the same crop."""
    crop = np.full((24, 24, 3), 10, np.uint8), np.zeros((24, 24), dtype=bool)
    other = np.full((24, 24, 3), 90, np.uint8), np.ones((24, 24), dtype=bool)
    shares = []
    for seed in range(200):
        pixels, truth = cutmix(np.random.default_rng(seed), crop, other, chance=1)
        pasted = (pixels == 90).all(axis=2)
        np.testing.assert_array_equal(pasted, truth)
        rows, cols = pasted.any(axis=1), pasted.any(axis=0)
        np.testing.assert_array_equal(pasted, rows[:, None] & cols)
        assert all((np.diff(np.flatnonzero(axis)) == 1).all() for axis in (rows, cols))
        shares.append(pasted.mean())
        assert cutmix(np.random.default_rng(seed), crop, other, chance=0) is crop
    assert crop[0].max() == 10
    assert min(shares) < 0.05
    assert max(shares) > 0.7
