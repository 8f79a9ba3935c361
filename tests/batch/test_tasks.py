"""A task can travel, and knows every setting of `detect`."""

from __future__ import annotations

import inspect
from pathlib import Path

import landslide_cli
from landslide_cli.batch.planning import plan_batch
from landslide_cli.batch.tasks import Settings, attempt
from landslide_cli.cli import main
from tests.batch.conftest import opener


def test_a_task_can_be_sent_to_another_process(scenes: Path, tmp_path: Path, model: Path) -> None:
    import pickle

    (tmp_path / "out").mkdir()
    task = plan_batch([scenes / "b.tif"], tmp_path / "out", model=model).tasks[0]
    assert pickle.loads(pickle.dumps(task)) == task
    record = pickle.loads(pickle.dumps(attempt(task, opener=opener)))
    assert task.left(record) == ""
    assert record.found["landslides"] == 2


def test_every_setting_of_detect_is_one_of_batch() -> None:
    of_detect = inspect.signature(landslide_cli.detect).parameters.keys()
    each = {"scene", "out", "probability", "mask", "spread", "overwrite", "command", "on_progress", "opener"}
    assert Settings.__annotations__.keys() == of_detect - each
    options = {parameter.name for parameter in main.commands["batch"].params}  # type: ignore[attr-defined]
    assert options >= Settings.__annotations__.keys() | {"probability", "mask", "spread"}
