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
    assert len(chips) == 30
    assert [bool(chip.mask) for chip in chips] == [True] * 12 + [False] * 18
    recipe = make_recipe("m", [bijie], Wish(resolution_m=0.8))
    assert [source.name for source in recipe.sources] == ["landslide", "non-landslide"]
    assert [source.share for source in recipe.sources] == [0.7, 0.3]
    assert recipe.steps == 4000
    assert recipe.hard_every == 1000
    assert recipe.split == "random"


def test_groups_are_held_out_as_a_whole(data: Path) -> None:
    recipe = make_recipe("m", [data / "slides", data / "others"], Wish(resolution_m=0.8, seed=3))
    assert recipe.split == "groups"
    assert len(recipe.validation) == len(recipe.test) == 1
    assert recipe.validation != recipe.test
    split = split_sources(recipe, Path())
    sides = [{chip.group for part in side.values() for chip in part} for side in _sides(split)]
    assert not sides[0] & sides[1] | sides[1] & sides[2] | sides[0] & sides[2]
    image = Path("image.png")
    assert held_out_groups([Chip(image, image, group) for group in "abc"], 0) == ((), ())
    assert held_out_groups([Chip(image, image, group) for group in "aabb"], 0) == ((), ())
    many = [Chip(image, image if group < "k" else None, group) for group in "abcdefghijklmnopqrst" for _ in range(5)]
    for parts in zip(*(held_out_groups(many, seed) for seed in range(9)), strict=True):
        assert all([len([g for g in part if g < "k"]), len(part)] == [1, 2] for part in parts)


def test_the_paper_s_protocol(bijie: Path) -> None:
    recipe = make_recipe("m", [bijie], Wish(protocol="paper", resolution_m=0.8, seed=5))
    assert (recipe.optimizer, recipe.learning_rate, recipe.letterbox) == ("sgd", 1e-4, 512)
    assert (recipe.schedule, recipe.ema_decay, recipe.patience, recipe.hard_every) == ("constant", 0, 0, 0)
    assert recipe.phases[0].batch == 8
    assert recipe.steps == 200 * 24 / 8
    split = split_sources(recipe, Path())
    sides = [[chip for part in side.values() for chip in part] for side in _sides(split)]
    assert [len(side) for side in sides] == [24, 3, 3]
    assert len({chip for side in sides for chip in side}) == 30
    assert sides[0][0].read_image().shape == (512, 512, 3)
    assert sides[0][0].read_mask((512, 512)).shape == (512, 512)
    again = split_sources(recipe, Path())
    assert again == split
    other = split_sources(make_recipe("m", [bijie], Wish(protocol="paper", resolution_m=0.8, seed=6)), Path())
    assert other.test != split.test


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
