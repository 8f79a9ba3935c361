"""Outputs of the command line are what they were when they were recorded, see golden.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden import RUNS, Sums, of_files, outcomes

RECORDED: dict[str, Sums] = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
TESTED = [run for run in RUNS if run.everywhere]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sums]:
    return outcomes(tmp_path_factory.mktemp("golden") / "runs", TESTED)


@pytest.mark.parametrize("name", [run.name for run in TESTED])
def test_a_run_gives_what_it_gave(found: dict[str, Sums], name: str) -> None:
    assert of_files(found[name]) == RECORDED[name]


def test_every_recorded_run_is_done() -> None:
    assert RECORDED.keys() == {run.name for run in TESTED}
