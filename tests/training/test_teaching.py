"""Teaching further: what a model is, it stays, and what a person rejected is unlearned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from landslide_cli.chips.chip import find_chips
from landslide_cli.errors import ModelError
from landslide_cli.model.card import read_card
from landslide_cli.training.defaults import Wish, make_recipe
from landslide_cli.training.recipe import Recipe
from landslide_cli.training.teaching import held_out
from tests.conftest import write_chip, write_small_model
from tests.training.conftest import refused

GROUPS = "abcdefghij"


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A small model with much in its card that must not get lost."""
    weights = write_small_model(tmp_path / "models")
    card = read_card(weights.with_suffix(".json"))
    card = replace(
        card, resolution_m=(2.0, 5.0), threshold=0.37, licence="Research use.", known_failures=("rivers",), tta="flips",
        value_range=(0.0, 4000.0), training={"sources": [{"name": "alps", "licence": "CC0", "share": 1.0}]},
    )  # fmt: skip
    card.write(weights.with_suffix(".json"))
    return weights


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    for number, group in enumerate(GROUPS):
        write_chip(tmp_path / "chips", group, seed=number)
    return tmp_path / "chips"


def taught(chips: Path, start: Path, **wish: object) -> Recipe:
    return make_recipe("taught", [chips], Wish(start=str(start), resolution_m=1.0, **wish))  # type: ignore[arg-type]


def test_what_the_start_is_the_recipe_is(chips: Path, start: Path) -> None:
    recipe = taught(chips, start)
    assert (recipe.network, recipe.arguments, recipe.resolution_m) == ("msasnet", {"width": 8}, (2.0, 5.0))
    assert (recipe.tta, recipe.known_failures, recipe.teacher) == ("flips", ("rivers",), recipe.start)
    assert recipe.licence.startswith("Research use.")
    assert recipe.zoom * recipe.zoom_of(recipe.sources[0]) == 0.5  # chips of 1 m are judged at 2 m, as `detect` does
    assert recipe.freeze == "encoder"
    assert recipe.patience


def test_many_chips_teach_the_encoder_too(chips: Path, start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslide_cli.training.teaching.FEW", len(GROUPS))
    assert taught(chips, start).freeze == "none"


def test_another_network_than_the_start_s_is_refused(chips: Path, start: Path) -> None:
    with pytest.raises(ModelError, match="is the network msasnet, not unet; leave --network out"):
        taught(chips, start, network="unet")


def test_a_start_of_other_bands_is_refused(chips: Path, start: Path, tmp_path: Path) -> None:
    from landslide_cli.training.start import begin

    card = read_card(start.with_suffix(".json"))
    replace(card, bands=("nir", "red", "green")).write(start.with_suffix(".json"))
    with pytest.raises(ModelError, match="takes nir, red, green; chips are red, green, blue"):
        begin(taught(chips, start), [], tmp_path / "run")


@pytest.mark.parametrize("seed", range(5))
def test_a_fifth_of_the_groups_is_held_out_and_holds_landslide(chips: Path, seed: int) -> None:
    for number in range(5):
        Image.new("1", (60, 50)).save(chips / "mask" / f"{GROUPS[number]}.png")
    found = held_out(find_chips(chips), seed)
    assert len(found) == 2
    assert len(set(found) & set(GROUPS[5:])) == 1


def test_of_two_groups_none_is_held_out(chips: Path) -> None:
    assert held_out([replace(chip, group="ab"[n % 2]) for n, chip in enumerate(find_chips(chips))], 0) == ()


@pytest.mark.slow
def test_a_model_is_taught_and_tells_before_and_after(
    chips: Path, start: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The whole command, by hand of a user; Lightning says nothing, the encoder and its statistics rest."""
    from safetensors.torch import load_file

    from landslide_cli.cli import main

    out = tmp_path / "taught.safetensors"
    command = ["train", "--chips", str(chips), "--start", str(start), "--resolution", "1", "--steps", "6"]
    command += ["-o", str(out), "--run-dir", str(tmp_path / "run")]
    main(command, standalone_mode=False)
    told = capfd.readouterr()
    assert "before: small" in told.out
    assert "after: validation at" in told.out
    assert not any(word in told.err for word in ("Tip", "GPU available", "Warning", "lightning"))
    before, card = read_card(start.with_suffix(".json")), read_card(out.with_suffix(".json"))
    kept = ("network", "arguments", "bands", "value_range", "mean", "std", "resolution_m", "known_failures", "tta")
    assert {name: getattr(card, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert card.training["start"] == before.sha256
    assert card.training["start_sources"] == [{"name": "alps", "licence": "CC0"}]
    one, other = load_file(start), load_file(out)
    rests = [name for name in one if name.startswith(("stem", "downs")) or "running" in name]
    assert [name for name in rests if not torch.equal(one[name], other[name])] == []


def test_what_is_no_model_is_refused_by_name(tmp_path: Path, chips: Path) -> None:
    message = refused(tmp_path, "--chips", str(chips), "--resolution", "1", "--start", "no-such-model")
    assert "no model 'no-such-model'" in message
    assert "msasnet-rgb-s" in message
