"""Classes of confidence chosen on chips keep what they promise there, and mean the same when landslides are sorted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from landslide_cli.cli import main
from landslide_cli.evaluation.confidence import LEAST, TARGETS, Objects, choose_classes, judged, objects_of
from landslide_cli.inventory.confidence import CONFIDENCES, Confidence
from landslide_cli.model.card import read_card
from tests.conftest import write_chip, write_small_model


def invented(count: int, seed: int, skill: float) -> Objects:
    """Polygons that are right the more often, the more probable and the larger they are."""
    rng = np.random.default_rng(seed)
    probability, area = rng.uniform(0.3, 1, count).round(4), rng.lognormal(6, 1, count)
    chance = np.clip(skill * (probability + np.log10(area) / 10), 0, 1)
    return Objects(probability, area, rng.uniform(0, 1, count) < chance)


@given(st.integers(0, 200), st.integers(0, 2**32), st.floats(0, 1))
def test_classes_are_right_as_often_as_they_promise(count: int, seed: int, skill: float) -> None:
    objects = invented(count, seed, skill)
    entry = choose_classes(objects)
    found = Confidence.of(entry).classify({"prob_mean": objects.prob_mean, "area_m2": objects.area_m2})
    assert list(entry) == list(CONFIDENCES)
    for name, bar in entry.items():
        here = found == name
        if bar is None:
            assert not here.any()
            continue
        assert here.sum() == bar.get("landslides", 0)
        if here.any():
            assert bar["precision"] == pytest.approx(objects.right[here].mean(), abs=6e-4)
        if name in TARGETS:
            assert here.sum() >= LEAST
            assert objects.right[here].mean() >= TARGETS[name]


def test_more_polygons_are_not_to_be_had() -> None:
    objects = Objects(np.repeat([0.9, 0.6, 0.4], 50), np.full(150, 300.0), np.repeat([True, True, False], 50))
    entry = choose_classes(objects)
    assert entry["high"]["landslides"] == 100
    assert (entry["medium"], entry["low"]) == (None, {"precision": 0.0, "landslides": 50})


def test_size_tells_where_probability_does_not() -> None:
    objects = Objects(np.full(80, 0.7), np.repeat([150.0, 900.0], 40), np.repeat([False, True], 40))
    high = choose_classes(objects)["high"]
    assert (high["area_m2"], high["landslides"], high["precision"]) == (200.0, 40, 1.0)


def test_others_are_judged_by_the_same_bars() -> None:
    entry = choose_classes(invented(300, 1, 0.9))
    assert judged(entry, invented(300, 1, 0.9)) == entry
    told = judged(entry, invented(300, 2, 0.1))
    assert {name: bar and bar.get("prob_mean") for name, bar in told.items()} == {
        name: bar and bar.get("prob_mean") for name, bar in entry.items()
    }
    assert told["high"]["precision"] < entry["high"]["precision"]


def test_polygons_of_an_image_have_their_probability_size_and_truth() -> None:
    stored = np.zeros((20, 20), np.uint8)
    stored[2:6, 2:6], stored[10:14, 10:12], stored[0, 19] = 200, 254, 255
    truth = np.zeros((20, 20), bool)
    truth[2:4, 2:6], truth[10, 10] = True, True
    found = objects_of(stored, truth, threshold=0.5, pixel_m2=4.0)
    assert found.prob_mean.tolist() == pytest.approx([200 / 254, 1], abs=1e-4)
    assert found.area_m2.tolist() == [64, 32]
    assert found.right.tolist() == [True, False]
    assert len(objects_of(np.zeros((4, 4), np.uint8), truth[:4, :4], threshold=0.5, pixel_m2=1).right) == 0


def test_one_command_writes_the_card(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "models")
    for number in range(2):
        write_chip(tmp_path / "slides", f"s{number}", seed=number)
    words = ["models", "confidence", model, tmp_path / "slides", "--pixel-size", "1", "--engine", "torch", "-q"]
    before = read_card(model.with_suffix(".json"))
    dry = CliRunner().invoke(main, list(map(str, [*words, "--dry-run"])))
    assert (dry.exit_code, read_card(model.with_suffix(".json"))) == (0, before), dry.output
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 0, done.output
    after = read_card(model.with_suffix(".json"))
    assert list(after.confidence) == list(CONFIDENCES)
    assert (after.threshold, after.sha256) == (before.threshold, before.sha256)
    assert done.stdout.splitlines()[-1] == f"{model.with_suffix('.json')}: written"
    assert done.stdout.startswith("high: none: no class was right often enough (0 polygons)")
