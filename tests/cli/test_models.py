"""`landslide models`: what is installed, and cards as people and machines read them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from landslide_cli.cli import main
from landslide_cli.cli.card_text import f1, listed, shown, table
from landslide_cli.model import weights
from landslide_cli.model.card import ModelCard, read_card

SOURCES = [
    {"name": "hills", "licence": "CC BY 4.0", "citation": "Somebody 2020", "chips": {"training": 90, "test": 10}},
    {"name": "plains", "licence": "", "citation": "", "chips": {"training": 5}},
]


METRICS = {
    "validation": {"hills": {"pixels": 1234567, "f1": 0.75, "false_alarm": 0.00412}, "all": {"pixels": 1, "f1": 0.7}},
    "test": {
        "hills": {"pixels": 12, "precision": 0.9, "recall": 0.7, "f1": 0.7875, "iou": 0.65, "false_alarm": 0.001},
        "plains": {"pixels": 34, "false_alarm": 0.02},
        "all": {"pixels": 46, "f1": 0.8123},
        "calibration": 0.04,
    },
    "how": "pixels pooled at native size",
}


@pytest.fixture
def full(card: ModelCard) -> ModelCard:
    return replace(
        card, model_id="full", licence="Research use. Ask first.", version="0.1.0", resolution_m=(0.5, 2.0),
        training={"sources": SOURCES}, metrics=METRICS, known_failures=("quarries", "river gravel"),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights in place of the installed one."""
    there = tmp_path / "installed"
    there.mkdir()
    monkeypatch.setattr(weights, "weights_folder", lambda: there)
    return there


def install(card: ModelCard, folder: Path) -> Path:
    """The card and weights that nobody reads."""
    card.write(folder / f"{card.model_id}.json")
    path = folder / f"{card.model_id}.safetensors"
    path.write_bytes(b"numbers")
    return path


def landslide(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_what_is_installed_stands_in_one_line_each(card: ModelCard, full: ModelCard, folder: Path) -> None:
    install(full, folder)
    install(card, folder)
    result = landslide("models")
    assert result.exit_code == 0, result.output
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["model", "full", "stand-in"]
    assert re.split("  +", result.stdout.splitlines()[1]) == [
        "full", "msasnet", "0.5 to 2", "0.812 (test)", "Research use"
    ]  # fmt: skip
    assert result.stdout == listed([full, card]) + "\n"
    assert json.loads(landslide("models", "--json").stdout) == [
        json.loads((folder / f"{name}.json").read_text()) for name in ("full", "stand-in")
    ]


def test_nothing_installed_is_said_with_what_to_do(folder: Path) -> None:
    result = landslide("models")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"No model is installed in {folder}." in result.stderr
    assert "--model my.safetensors" in result.stderr
    assert json.loads(landslide("models", "--json").stdout) == []


def test_a_card_tells_everything_that_it_holds(full: ModelCard, folder: Path) -> None:
    path = install(full, folder)
    result = landslide("models", "show", "full")
    assert result.exit_code == 0, result.output
    text = result.stdout
    assert text == shown(full, where=str(path)) + "\n"
    for told in (full.sha256, full.licence, "red, green, blue", "0.5 to 2 m per pixel", "quarries", str(path),
                 "hills: CC BY 4.0", "Somebody 2020", "chips: 90 training, 10 test", "plains: no licence stated",
                 "calibration: 0.04", "pixels pooled at native size"):  # fmt: skip
        assert told in text, told
    lines = text.splitlines()
    start = lines.index("Measured: test")
    assert lines[start + 2].split() == ["site", "precision", "recall", "f1", "iou", "false", "alarm", "pixels"]
    assert lines[start + 3].split() == ["hills", "0.900", "0.700", "0.787", "0.650", "0.10%", "12"]
    assert lines[start + 4].split() == ["plains", "–", "–", "–", "–", "2.00%", "34"]


def test_a_card_is_shown_by_file_too_and_as_json(full: ModelCard, tmp_path: Path) -> None:
    path = install(full, tmp_path)
    result = landslide("models", "show", str(path), "--json")
    assert json.loads(result.stdout) == json.loads(path.with_suffix(".json").read_text())
    assert landslide("models", "--json", "show", str(path)).stdout == result.stdout
    assert landslide("models", "show", str(path)).stdout.startswith("model         full\n")


def test_an_empty_card_can_be_shown(card: ModelCard, tmp_path: Path) -> None:
    path = install(card, tmp_path)
    text = shown(read_card(path.with_suffix(".json")), where="here")
    assert "Trained on" not in text
    assert "Known failures" not in text


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, "–"),
        ({"test": 3}, "–"),
        ({"test": {"all": {"iou": 0.5}}}, "–"),
        ({"validation": {"all": {"f1": 0.5}}}, "0.500 (validation)"),
        (METRICS, "0.812 (test)"),
    ],
)
def test_f1_is_that_of_the_test_sites_where_there_is_one(card: ModelCard, metrics: dict, expected: str) -> None:  # type: ignore[type-arg]
    assert f1(replace(card, metrics=metrics)) == expected


def test_columns_line_up() -> None:
    assert table([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc  d"


def test_refusals(card: ModelCard, folder: Path) -> None:
    result = landslide("models", "show", "nothing")
    assert result.exit_code == 1
    assert "no model 'nothing'" in result.stderr
    install(card, folder).with_suffix(".json").write_text("{")
    for command in (["models"], ["models", "show", "stand-in"]):
        result = landslide(*command)
        assert result.exit_code == 1
        assert "is not a model card" in result.stderr
    assert landslide("models", "hide").exit_code == 2


@pytest.mark.parametrize(("f1", "better"), [(0.6, True), (0.5, False)])
def test_a_training_tells_before_and_after(card: ModelCard, f1: float, better: bool) -> None:
    from landslide_cli.cli.card_text import trained

    def row(value: float) -> dict[str, float]:
        return {"pixels": 9, "precision": 0.5, "recall": 0.5, "f1": value, "false_alarm": 0.01}

    metrics = {
        "validation": {"all": row(f1)},
        "test": {"all": {"pixels": 0, "false_alarm": 0.0}},
        "start": {"validation at 0.31": row(0.4), "validation at 0.40": row(0.5)},
    }
    lines = trained(replace(card, metrics=metrics, training={"start_model": "old"}), "new.safetensors").splitlines()
    assert lines[0] == "new.safetensors: stand-in, threshold 0.50"
    assert [line.split("  ")[0] for line in lines[2:5]] == [
        "before: old, validation at 0.31", "before: old, validation at 0.40", "after: validation at 0.50",
    ]  # fmt: skip
    assert (len(lines) == 5) == better
    assert "nothing was measured" in trained(replace(card, metrics={}), "new.safetensors")
