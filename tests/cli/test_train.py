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


def test_bad_chips_are_refused_by_name(tmp_path: Path, data: Path) -> None:
    def message(folder: Path) -> str:
        return refused(tmp_path, "--chips", str(folder), "--resolution", "1", "--steps", "1")

    (tmp_path / "empty").mkdir()
    assert "holds no images" in message(tmp_path / "empty")
    assert "is not a folder" in message(tmp_path / "missing")
    for number in range(12):
        (data / "slides" / "mask" / f"s{number}.png").unlink(missing_ok=True)
    assert "without a partner of the same stem: s0, s1, s2, s3, s4, s5" in message(data / "slides")
    grey = tmp_path / "grey"
    for stem in ("p", "q", "r"):
        write_chip(grey, stem)
    Image.fromarray(np.arange(3000, dtype=np.uint8).reshape(50, 60)).save(grey / "mask" / "q.png")
    assert "the mask is not binary, it needs 0 and one other value: q" in message(grey)
    Image.new("L", (50, 60)).save(grey / "mask" / "r.png")
    assert "image and mask differ in size: r" in message(grey)
    (grey / "image" / "p.png").write_text("no image")
    assert "can't be read as images: p" in message(grey)
    wide = tmp_path / "wide"
    write_chip(wide, "x", masked=False)
    Image.fromarray(np.full((50, 60), 4000, np.uint16)).save(wide / "image" / "y.png")
    assert "not 8-bit; give the raw values that become black and white with --scale LO,HI" in message(wide)
    write_chip(tmp_path / "twice", "x", masked=False)
    (tmp_path / "twice" / "image" / "more").mkdir()
    write_chip(tmp_path / "twice" / "image" / "more", "x", masked=False)
    assert "more than one file is called x" in message(tmp_path / "twice")
    (data / "groups.csv").write_text("name,site\n")
    assert "lacks the column group, stem" in message(data / "others")


def test_what_is_missing_or_does_not_go_together(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    chips = ("--chips", str(data / "slides"))
    assert "don't say how many metres a pixel covers; give it with --resolution" in refused(tmp_path, *chips)
    assert "give a RECIPE or folders of --chips" in refused(tmp_path, status=2)
    assert "give a RECIPE or folders of --chips" in refused(tmp_path, str(recipe), *chips, status=2)
    assert "a RECIPE needs --data" in refused(tmp_path, str(recipe), status=2)
    wish = (str(recipe), "--data", str(data), "--protocol", "paper")
    assert "--protocol goes with --chips" in refused(tmp_path, *wish, status=2)
    assert "give --steps or --epochs" in refused(tmp_path, *chips, "--steps", "3", "--epochs", "1", status=2)
    for change, message in (
        ('optimizer = "sdg"', "optimizer = 'sdg' is not one of adamw, muon, sgd"),
        ("letterbox = 512", "letterbox = 512 needs phases of that size"),
        ('split = "random"', "draws the held-out images itself"),
        ('start = "none.safetensors"', "no model"),
    ):
        recipe.write_text(f"{change}\n{RECIPE}")
        assert message in refused(tmp_path, str(recipe), "--data", str(data))
    recipe.write_text(RECIPE.replace('["b"]', '["nobody"]'))
    assert "patience needs chips to validate on" in refused(tmp_path, str(recipe), "--data", str(data))
    recipe.write_text(RECIPE)
    assert "a batch of 2 can't be shared by 4 devices" in refused(
        tmp_path, str(recipe), "--data", str(data), "--devices", "4"
    )


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
