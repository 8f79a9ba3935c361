from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslide_cli.cli import main
from landslide_cli.errors import TrainingDataError
from landslide_cli.metrics.scores import Histogram
from landslide_cli.training.places import LeftOut, as_markdown, choose, leave_out
from landslide_cli.training.recipe import Phase, Place
from tests.training.conftest import RECIPE, small_recipe


def separable(at: int, *, landslide: int = 100) -> Histogram:
    """Landslides answered just above a stored value, all else just below."""
    counts = np.zeros((2, 255), dtype=np.int64)
    counts[0, at + 3], counts[1, at - 3] = landslide, 900
    return Histogram(counts[0], counts[1])


def test_the_threshold_is_the_one_that_suits_all_places() -> None:
    """Each place alone would choose its own end; only between them all are right."""
    answers = [
        LeftOut(name, (1.0, 2.0), {"slides": separable(at), "none": separable(10, landslide=0)})
        for name, at in (("valley", 100), ("coast", 104))
    ]
    choice = choose(answers)
    assert choice.f1 == 1
    assert 100 - 3 < choice.threshold * 254 <= 104 + 3
    assert "| valley | slides | 1.00 | 1.00 | 1.00 |" in as_markdown(answers, choice)


def test_places_count_alike_whatever_their_size() -> None:
    large, small = separable(60, landslide=100_000), separable(200, landslide=10)
    third = separable(200, landslide=20)
    answers = [LeftOut(str(n), (1.0, 2.0), {"s": h}) for n, h in enumerate((large, small, third))]
    assert choose(answers).threshold * 254 > 190


def test_the_range_with_the_better_mean_is_chosen() -> None:
    good = separable(100)
    bad = Histogram(good.other, good.landslide)
    answers = [LeftOut("p", (1.0, 2.0), {"s": bad}), LeftOut("p", (2.0, 4.0), {"s": good})]
    assert choose(answers).resolution_m == (2.0, 4.0)


def test_each_place_is_left_out_once_and_not_trained_again(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    recipe = small_recipe(
        phases=(Phase(2, 2, 32),), validation=(), test=("c",), places=(Place("a", ("a",)), Place("b", ("b",)))
    )
    answers = leave_out(recipe, data, tmp_path / "run", ranges=[(0.8, 2.0), (1.6, 2.0)])
    assert [(answer.place, answer.resolution_m) for answer in answers] == [
        ("a", (0.8, 2.0)), ("a", (1.6, 2.0)), ("b", (0.8, 2.0)), ("b", (1.6, 2.0)),
    ]  # fmt: skip
    pixels = [int(h.landslide.sum() + h.other.sum()) for h in answers[0].sources.values()]
    assert pixels[0] == 2 * 50 * 60  # the two chips of the place, and none of the test group
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    again = leave_out(recipe, data, tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before
    for one, other in zip(answers, again, strict=True):
        np.testing.assert_array_equal(one.sources["slides"].other, other.sources["slides"].other)


def test_a_place_without_landslides_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="names no places"):
        leave_out(small_recipe(), data, tmp_path)
    with pytest.raises(TrainingDataError, match="no chip of moon has a mask"):
        leave_out(small_recipe(places=(Place("moon", ("moon",)),)), data, tmp_path)


def test_the_command_writes_a_table_of_places(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    text = RECIPE.replace("steps = 120", "steps = 2").replace("hard_every = 50\n", "").replace("patience = 50\n", "")
    places = '\n[[places]]\nname = "valley"\ngroups = ["a"]\n'
    (tmp_path / "r.toml").write_text(text.replace('validation = ["b"]\n', "") + places)
    command = ["compare", str(tmp_path / "r.toml"), "--data", str(data), "--places", "-o", str(tmp_path / "places.md")]
    result = CliRunner().invoke(main, [*command, "--run-dir", str(tmp_path / "run"), "-q"])
    assert result.exit_code == 0, result.output
    assert "| valley | slides |" in result.stdout
    assert (tmp_path / "places.md").read_text() == result.stdout
    wrong = CliRunner().invoke(main, [*command[:4], "--seen", "1,2", "-o", str(tmp_path / "x.md")])
    assert wrong.exit_code == 2
    assert "--seen goes with --places" in wrong.stderr
