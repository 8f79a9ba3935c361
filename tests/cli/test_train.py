"""`landslide train`: what it refuses, and what it goes on from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landslide_cli.model.card import read_card
from tests.conftest import write_chip
from tests.training.conftest import RECIPE, refused


def refused_chips(tmp_path: Path, folder: Path) -> str:
    return refused(tmp_path, "--chips", str(folder), "--resolution", "1", "--steps", "1")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no images" in refused_chips(tmp_path, tmp_path / "empty")


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refused_chips(tmp_path, tmp_path / "missing")


def test_images_without_a_mask_are_named(tmp_path: Path, data: Path) -> None:
    for number in range(12):
        (data / "slides" / "mask" / f"s{number}.png").unlink(missing_ok=True)
    message = refused_chips(tmp_path, data / "slides")
    assert "without a partner of the same stem: s0, s1, s2, s3, s4, s5" in message


def test_a_mask_of_many_values_is_named(tmp_path: Path) -> None:
    for stem in ("p", "q"):
        write_chip(tmp_path / "grey", stem)
    Image.fromarray(np.arange(3000, dtype=np.uint8).reshape(50, 60)).save(tmp_path / "grey" / "mask" / "q.png")
    message = refused_chips(tmp_path, tmp_path / "grey")
    assert "the mask is not binary, it needs 0 and one other value: q" in message


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    for stem in ("p", "r"):
        write_chip(tmp_path / "sizes", stem)
    Image.new("L", (60, 50 + 1)).save(tmp_path / "sizes" / "mask" / "r.png")
    assert "image and mask differ in size: r" in refused_chips(tmp_path, tmp_path / "sizes")


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    for stem in ("p", "q"):
        write_chip(tmp_path / "texts", stem)
    (tmp_path / "texts" / "image" / "p.png").write_text("no image")
    assert "can't be read as images: p" in refused_chips(tmp_path, tmp_path / "texts")


@pytest.mark.parametrize("folder", ["image", "mask"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_file_that_breaks_off_is_named_before_the_training(tmp_path: Path, folder: str, suffix: str) -> None:
    """Its head tells the size, so only decoding it to the end finds it."""
    place = tmp_path / "chips"
    for stem in ("p", "q"):
        write_chip(place, stem, size=(80, 90))
    old = place / folder / "q.png"
    with Image.open(old) as whole:
        picture = whole.convert("RGB" if folder == "image" else "L")
        picture.save(place / folder / f"q{suffix}", quality=95)
    path = place / folder / f"q{suffix}"
    if suffix != ".png":
        old.unlink()
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert "can't be read as images: q" in refused_chips(tmp_path, place)


def test_sixteen_bits_need_a_scale(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    write_chip(wide, "x", masked=False)
    Image.fromarray(np.full((50, 60), 4000, np.uint16)).save(wide / "image" / "y.png")
    message = refused_chips(tmp_path, wide)
    assert "not 8-bit; give the raw values that become black and white with --scale LO,HI" in message


def test_two_files_of_one_stem_are_named(tmp_path: Path) -> None:
    write_chip(tmp_path / "twice", "x", masked=False)
    (tmp_path / "twice" / "image" / "more").mkdir()
    write_chip(tmp_path / "twice" / "image" / "more", "x", masked=False)
    assert "more than one file is called x" in refused_chips(tmp_path, tmp_path / "twice")


def test_groups_need_their_columns(tmp_path: Path, data: Path) -> None:
    (data / "groups.csv").write_text("name,site\n")
    assert "lacks the column group, stem" in refused_chips(tmp_path, data / "others")


def test_metres_per_pixel_must_be_known(tmp_path: Path, data: Path) -> None:
    message = refused(tmp_path, "--chips", str(data / "slides"))
    assert "don't say how many metres a pixel covers; give it with --resolution" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "give a RECIPE or folders of --chips"),
        ("RECIPE --chips CHIPS", "give a RECIPE or folders of --chips"),
        ("RECIPE", "a RECIPE needs --data"),
        ("RECIPE --data DATA --protocol paper", "--protocol goes with --chips"),
        ("--chips CHIPS --start msasnet-rgb --protocol paper", "--protocol paper begins with random weights"),
        ("--chips CHIPS --steps 3 --epochs 1", "give --steps or --epochs"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(tmp_path: Path, data: Path, words: str, message: str) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    places = {"RECIPE": str(recipe), "DATA": str(data), "CHIPS": str(data / "slides")}
    assert message in refused(tmp_path, *(places.get(word, word) for word in words.split()), status=2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", 'optimizer = "sdg"\n', "optimizer = 'sdg' is not one of adamw, muon, sgd"),
        ("", "letterbox = 512\n", "letterbox = 512 needs phases of that size"),
        ("", 'split = "random"\n', "draws the held-out images itself"),
        ("", 'start = "none.safetensors"\n', "no model"),
        ('["b"]', '["nobody"]', "patience needs chips to validate on"),
    ],
)
def test_a_recipe_that_can_not_be_followed_is_refused(
    tmp_path: Path, data: Path, old: str, new: str, message: str
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.replace(old, new, 1))
    assert message in refused(tmp_path, str(recipe), "--data", str(data))


def test_a_batch_must_be_shared_out_evenly(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    message = refused(tmp_path, str(recipe), "--data", str(data), "--devices", "4")
    assert "a batch of 2 can't be shared by 4 devices" in message


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_weights_of_an_unbroken_one(tmp_path: Path, data: Path) -> None:
    """SIGKILL in the middle; hard negatives, validations and checkpoints fall on either side of it."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}

    def command(name: str) -> list[str]:
        return [
            *(sys.executable, "-m", "landslide_cli", "train", str(recipe), "--data", str(data), "-q"),
            *("-o", str(tmp_path / f"{name}.safetensors"), "--run-dir", str(tmp_path / name)),
            *("--save-every", "12", "--validate-every", "25"),
        ]

    whole = subprocess.Popen(command("whole"), env=environment)
    broken = subprocess.Popen(command("broken"), env=environment, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "broken" / "last.ckpt"
    written = 0
    seen = 0.0
    while written < 6:  # past the first round of hard negatives
        assert broken.poll() is None
        if checkpoint.exists() and checkpoint.stat().st_mtime != seen:
            seen = checkpoint.stat().st_mtime
            written += 1
        time.sleep(0.002)
    broken.kill()
    assert broken.wait(60) == -9
    assert not (tmp_path / "broken.safetensors").exists()
    subprocess.run(command("broken"), env=environment, check=True)
    assert whole.wait(60) == 0
    weights = (tmp_path / "whole.safetensors").read_bytes()
    assert (tmp_path / "broken.safetensors").read_bytes() == weights
    # The last checkpoint is that of the last step, so nothing is left but to judge again.
    subprocess.run([*command("whole"), "--overwrite"], env=environment, check=True)
    assert (tmp_path / "whole.safetensors").read_bytes() == weights
    card = read_card(tmp_path / "whole.json")
    assert card.training["hard_every"] == 50
    assert card.training["step"] in range(25, 101, 25)
    assert str(tmp_path) not in json.dumps(card.training)
    assert sorted((tmp_path / "whole" / "pictures").iterdir())[0].name == "step-000025.png"
