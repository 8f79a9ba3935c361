"""A task can travel, and knows every setting of `detect`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import landslide_cli
from landslide_cli.batch.ledger import Ledger
from landslide_cli.batch.tasks import ALSO, attempt
from landslide_cli.cli import main
from tests.batch.conftest import planned
from tests.conftest import first_band


def test_a_task_can_be_sent_to_another_process(scenes: Path, tmp_path: Path, model: Path) -> None:
    import pickle

    ledger = Ledger.of(tmp_path / "out")
    ledger.folder.mkdir(parents=True)
    task = planned(scenes / "b.tif", tmp_path / "out", model).tasks[0]
    assert pickle.loads(pickle.dumps(task)) == task
    record = pickle.loads(pickle.dumps(attempt(task, ledger, engine=first_band)))
    assert task.left(record) == ""
    assert record.found["landslides"] == 2
    assert ledger.read("b") == record


def test_every_setting_of_detect_is_one_of_batch() -> None:
    kinds = (landslide_cli.View, landslide_cli.PolygonRules, landslide_cli.Runtime)
    options = {parameter.name for parameter in main.commands["batch"].params}  # type: ignore[attr-defined]
    assert options >= {field.name for kind in kinds for field in fields(kind)} | set(ALSO)
