from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.errors import ModelError, TrainingDataError
from landslide_cli.training import compare as module
from tests.training.conftest import small_recipe

pytest.importorskip("lightning")


def test_held_out_chips_with_masks_are_asked_for(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no chip with a mask is held out for test; name groups"):
        module.compare(small_recipe(test=()), data, ["unet"], tmp_path)
    with pytest.raises(ModelError, match="no network is called 'vgg'"):
        module.compare(small_recipe(), data, ["vgg"], tmp_path)


@pytest.mark.slow
def test_folders_of_chips_are_compared_on_by_a_protocol(data: Path, tmp_path: Path) -> None:
    """The table of one network after one step, from the command line."""
    out = tmp_path / "table.md"
    command = ["compare", "--chips", data / "slides", "--chips", data / "others", "--resolution", "0.8", "--steps", "1"]
    command += ["--networks", "fcn", "--run-dir", tmp_path / "run", "-o", out, "-q"]
    result = CliRunner().invoke(main, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    assert out.read_text() == result.stdout
    assert [line.split("|")[1].strip() for line in out.read_text().splitlines()[2:]] == ["FCN"]
