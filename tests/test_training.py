from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landslide_cli.chips.chip import find_chips, split_chips
from landslide_cli.errors import TrainingDataError
from landslide_cli.model.weights import find_model
from landslide_cli.training.augment import Augmentation, cutmix, random_crop
from landslide_cli.training.batches import Pool, StepBatches
from landslide_cli.training.losses import bce_dice_loss, dice_loss
from landslide_cli.training.recipe import Phase, Recipe, Source, read_recipe
from landslide_cli.training.start import pixel_statistics
from tests.conftest import write_chip

SHARED_RECIPE = Path(__file__).parents[1] / "weights" / "msasnet-rgb-s.toml"
PLAIN = Augmentation(scale_jitter=1, rotate=0, colour=0, blur=0, haze=0, jpeg=0)


def small_recipe(**changes: object) -> Recipe:
    sources = (Source("slides", "slides", 0.7, (0.8, 0.8)), Source("others", "others", 0.3, (0.8, 0.8)))
    recipe = Recipe(
        model_id="tiny", sources=sources, phases=(Phase(4, 2, 32, 0.5), Phase(3, 2, 48)), resolution_m=(0.5, 2),
        arguments={"width": 8}, validation=("b",), test=("c",),
    )  # fmt: skip
    return dataclasses.replace(recipe, **changes)  # type: ignore[arg-type]


def test_chips_are_found_with_their_groups(data: Path) -> None:
    slides, others = find_chips(data / "slides"), find_chips(data / "others")
    assert [chip.image.stem for chip in slides] == [f"s{n}" for n in range(6)]
    assert [chip.group for chip in slides] == list("aabbcc")
    assert all(chip.mask for chip in slides)
    assert not any(chip.mask for chip in others)
    assert slides[0].read_mask((50, 60)).sum() == 18 * 22
    assert not others[0].read_mask((50, 60)).any()


def test_no_group_stands_on_two_sides(data: Path) -> None:
    parts = split_chips(find_chips(data / "slides"), validation=["b"], test=["c*"])
    groups = [{chip.group for chip in part} for part in parts]
    assert groups == [{"a"}, {"b"}, {"c"}]


def test_bad_chips_are_named(data: Path, tmp_path: Path) -> None:
    (data / "slides" / "mask" / "s1.png").unlink()
    (data / "slides" / "image" / "s3.png").unlink()
    with pytest.raises(TrainingDataError, match="without a partner of the same stem: s1, s3"):
        find_chips(data / "slides")
    write_chip(data / "odd", "x")
    Image.new("1", (9, 9)).save(data / "odd" / "mask" / "x.png")
    with pytest.raises(TrainingDataError, match="image and mask differ in size: x"):
        find_chips(data / "odd")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingDataError, match="holds no images"):
        find_chips(tmp_path / "empty")
    with pytest.raises(TrainingDataError, match="is not a folder"):
        find_chips(tmp_path / "missing")


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


def test_a_batch_with_cutmix_holds_the_same_crops(data: Path) -> None:
    recipe = small_recipe()
    pools = [Pool(find_chips(data / "slides"), 1.0, 1.0)]
    plain = StepBatches(dataclasses.replace(recipe, augmentation=Augmentation()), pools).batch(0)[0]
    mixed = StepBatches(dataclasses.replace(recipe, augmentation=Augmentation(cutmix=1)), pools).batch(0)[0]
    same = (plain == mixed) | (plain.roll(1, dims=0) == mixed)
    assert same.all()
    assert not torch.equal(plain, mixed)


def test_the_batch_of_a_step_depends_on_seed_and_step_alone(data: Path) -> None:
    recipe = small_recipe()
    pools = [Pool(find_chips(data / "slides"), 0.7, 1.0), Pool(find_chips(data / "others"), 0.3, 1.0)]
    unbroken = list(StepBatches(recipe, pools))
    resumed = list(StepBatches(recipe, pools, first=3))
    assert len(unbroken) == recipe.steps
    assert [batch[0].shape[-1] for batch in unbroken] == [32] * 4 + [48] * 3
    for one, other in zip(unbroken[3:], resumed, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    assert not torch.equal(unbroken[0][0], unbroken[1][0])


def test_pixel_statistics_are_those_of_the_pixels(data: Path) -> None:
    chips = find_chips(data / "slides")
    pixels = np.concatenate([chip.read_image().reshape(-1, 3) for chip in chips]) / 255
    mean, std = pixel_statistics(chips, seed=0)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(std, pixels.std(axis=0), atol=1e-4)


def test_losses_are_least_for_the_truth() -> None:
    truth = (torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.7).float()
    sure = (truth * 2 - 1) * 20
    assert dice_loss(sure, truth) < 1e-3
    assert bce_dice_loss(sure, truth) < 1e-3
    assert dice_loss(-sure, truth) > 0.99
    assert bce_dice_loss(torch.zeros_like(truth), torch.zeros_like(truth)) > 0.69


def test_recipes_are_read_and_refused(tmp_path: Path) -> None:
    recipe = read_recipe(SHARED_RECIPE)
    assert sum(source.share for source in recipe.sources) == pytest.approx(1)
    assert recipe.phase_at(0) == recipe.phases[0]
    assert recipe.phase_at(recipe.phases[0].steps) == recipe.phases[1]
    assert recipe.phase_at(recipe.steps - 1) == recipe.phases[-1]
    text = SHARED_RECIPE.read_text()
    bad = tmp_path / "bad.toml"
    for broken, message in (
        (text.replace("seed =", "sead ="), "unknown entries sead"),
        (text.replace("batch = 16\n", ""), "batch"),
        ("model_id =", "is not a recipe"),
    ):
        bad.write_text(broken)
        with pytest.raises(TrainingDataError, match=message):
            read_recipe(bad)


@pytest.mark.slow
def test_training_goes_on_after_a_stop_and_writes_weights_and_card(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from landslide_cli.training.fit import Settings, fit
    from landslide_cli.training.split import split_sources
    from landslide_cli.training.train import write_model

    recipe = small_recipe()
    split = split_sources(recipe, data)
    whole = fit(recipe, split, tmp_path / "whole", settings=Settings(every=100, save_every=3))
    # The same recipe, stopped after its first checkpoint.
    fit(recipe, split, tmp_path / "parts", settings=Settings(every=100, save_every=3), stop_at=5)
    resumed = fit(recipe, split, tmp_path / "parts", settings=Settings(every=100, save_every=3))
    for (name, one), other in zip(
        whole.network.state_dict().items(), resumed.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name

    card = write_model(recipe, split, whole, tmp_path / "tiny.safetensors")
    again = find_model(tmp_path / "tiny.safetensors")[1]
    assert json.dumps(dataclasses.asdict(again)) == json.dumps(dataclasses.asdict(card))
    assert card.training["sources"][0]["chips"] == {"training": 2, "validation": 2, "test": 2}
    assert set(card.metrics["test"]) == {"slides", "others", "all"}
    assert "f1" not in card.metrics["test"]["others"]
