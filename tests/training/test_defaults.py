"""Trainings without a recipe: what is held out, and the paper's protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from landslide_cli.chips.chip import Chip, find_chips
from landslide_cli.errors import ModelError
from landslide_cli.training.defaults import Wish, held_out_groups, make_recipe
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.split import split_sources
from tests.conftest import write_chip


@pytest.fixture
def bijie(tmp_path: Path) -> Path:
    """Thirty small images in the layout of the Bijie data set."""
    folder = tmp_path / "Bijie"
    for number in range(12):
        write_chip(folder / "landslide", f"df{number:03d}", seed=number)
    for number in range(18):
        write_chip(folder / "non-landslide", f"wb{number:03d}", seed=number, masked=False)
    for kind in ("landslide", "non-landslide"):
        (folder / kind / "dem").mkdir()
        Image.new("I;16", (60, 50)).save(folder / kind / "dem" / "df000.png")
    return folder


def test_the_bijie_layout_is_one_folder_and_its_dems_are_passed_over(bijie: Path) -> None:
    chips = find_chips(bijie)
    assert [bool(chip.mask) for chip in chips] == [True] * 12 + [False] * 18


def test_the_bijie_layout_is_two_sources(bijie: Path) -> None:
    recipe = make_recipe("m", [bijie], Wish(resolution_m=0.8))
    assert [(source.name, source.share) for source in recipe.sources] == [("landslide", 0.7), ("non-landslide", 0.3)]


def test_images_without_groups_are_held_out_at_random(bijie: Path) -> None:
    assert make_recipe("m", [bijie], Wish(resolution_m=0.8)).split == "random"


def test_hard_negatives_come_after_each_quarter_of_the_steps(bijie: Path) -> None:
    recipe = make_recipe("m", [bijie], Wish(resolution_m=0.8))
    assert (recipe.steps, recipe.hard_every) == (4000, 1000)


def test_groups_are_held_out_as_a_whole(data: Path) -> None:
    recipe = make_recipe("m", [data / "slides", data / "others"], Wish(resolution_m=0.8, seed=3))
    assert recipe.split == "groups"
    assert len(recipe.validation) == len(recipe.test) == 1
    assert recipe.validation != recipe.test
    training, validation, test = (
        {chip.group for part in side.values() for chip in part} for side in _sides(split_sources(recipe, Path()))
    )
    assert not training & validation | validation & test | training & test


@pytest.mark.parametrize("groups", ["abc", "aabb"])
def test_of_few_groups_none_is_held_out(groups: str) -> None:
    image = Path("image.png")
    assert held_out_groups([Chip(image, image, group) for group in groups], 0) == ((), ())


@pytest.mark.parametrize("seed", range(9))
def test_a_tenth_of_the_groups_is_held_out_with_and_without_landslide(seed: int) -> None:
    image = Path("image.png")
    many = [Chip(image, image if group < "k" else None, group) for group in "abcdefghijklmnopqrst" for _ in range(5)]
    for part in held_out_groups(many, seed):
        assert [len([group for group in part if group < "k"]), len(part)] == [1, 2]


def test_the_paper_s_protocol(bijie: Path) -> None:
    recipe = make_recipe("m", [bijie], Wish(protocol="paper", resolution_m=0.8, seed=5))
    assert (recipe.optimizer, recipe.learning_rate, recipe.letterbox) == ("sgd", 1e-4, 512)
    assert (recipe.schedule, recipe.ema_decay, recipe.patience, recipe.hard_every) == ("constant", 0, 0, 0)
    assert (recipe.phases[0].batch, recipe.steps) == (8, 200 * 24 / 8)


def test_the_paper_s_split_is_8_to_1_to_1_of_all_images(bijie: Path) -> None:
    recipe = make_recipe("m", [bijie], Wish(protocol="paper", resolution_m=0.8, seed=5))
    sides = [[chip for part in side.values() for chip in part] for side in _sides(split_sources(recipe, Path()))]
    assert [len(side) for side in sides] == [24, 3, 3]
    assert len({chip for side in sides for chip in side}) == 30


def test_the_paper_s_images_are_letterboxed(bijie: Path) -> None:
    split = split_sources(make_recipe("m", [bijie], Wish(protocol="paper", resolution_m=0.8)), Path())
    chip = next(chip for part in split.training.values() for chip in part)
    assert chip.read_image().shape == (512, 512, 3)
    assert chip.read_mask((512, 512)).shape == (512, 512)


def test_the_seed_decides_the_paper_s_split(bijie: Path) -> None:
    def held_out(seed: int) -> object:
        return split_sources(
            make_recipe("m", [bijie], Wish(protocol="paper", resolution_m=0.8, seed=seed)), Path()
        ).test

    assert held_out(5) == held_out(5) != held_out(6)


def _sides(split: object) -> list[dict[str, list[object]]]:
    return [split.training, split.validation, split.test]  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_paper_s_protocol_trains_and_is_judged_on_letterboxes(tmp_path: Path, bijie: Path) -> None:
    from dataclasses import replace

    from landslide_cli.evaluation.chips import plan_views
    from landslide_cli.training.recipe import Phase
    from landslide_cli.training.train import train

    recipe: Recipe = make_recipe("m", [bijie], Wish(protocol="paper", network="drs-unet", resolution_m=0.8))
    small = replace(recipe, arguments={"width": 4}, letterbox=64, phases=(Phase(3, 8, 64),))
    card = train(small, Path(), tmp_path / "paper.safetensors", run_dir=tmp_path / "run")
    assert card.metrics["test"]["all"]["pixels"] == 3 * 64 * 64
    assert "letterboxed images of 64 x 64" in card.metrics["how"]
    assert card.training["optimizer"] == "sgd"
    assert card.training["split"] == "random"
    views = plan_views([bijie], card)
    assert {(view.chip.letterbox, view.zoom) for view in views} == {(64, 1.0)}
    fine = replace(recipe, arguments={"width": 4}, start=str(tmp_path / "paper.safetensors"), letterbox=0,
                   phases=(Phase(1, 2, 32),))  # fmt: skip
    tuned = train(fine, Path(), tmp_path / "tuned.safetensors", run_dir=tmp_path / "tuned")
    assert tuned.training["start"] == card.sha256
    assert tuned.mean == card.mean
    wider = replace(fine, arguments={"width": 8})
    widened = train(wider, Path(), tmp_path / "wider.safetensors", run_dir=tmp_path / "wider")
    assert widened.training["start"] == card.sha256
    with pytest.raises(ModelError, match="or a narrower one of its kind"):
        train(replace(fine, arguments={"width": 6}), Path(), tmp_path / "odd.safetensors", run_dir=tmp_path / "odd")
