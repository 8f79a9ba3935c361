from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from landslide_cli.chips.chip import find_chips
from landslide_cli.errors import TrainingDataError
from tests.conftest import write_chip


def test_chips_are_found_with_their_groups(data: Path) -> None:
    slides, others = find_chips(data / "slides"), find_chips(data / "others")
    assert [chip.image.stem for chip in slides] == [f"s{n}" for n in range(6)]
    assert [chip.group for chip in slides] == list("aabbcc")
    assert all(chip.mask for chip in slides)
    assert not any(chip.mask for chip in others)
    assert slides[0].read_mask((50, 60)).sum() == 18 * 22
    assert not others[0].read_mask((50, 60)).any()


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
