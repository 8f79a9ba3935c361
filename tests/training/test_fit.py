from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from landslide_cli.errors import TrainingDataError
from landslide_cli.model.weights import find_model
from tests.training.conftest import small_recipe


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pickle", "text"])
def test_a_foreign_checkpoint_runs_nothing(data: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("lightning")
    from landslide_cli.training.fit import fit
    from landslide_cli.training.split import split_sources

    ran = tmp_path / "ran"

    class Foreign:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (ran,)

    run_dir = tmp_path / "run"
    run_dir.mkdir()
    if kind == "pickle":
        torch.save({"state_dict": {}, "epoch": Foreign()}, run_dir / "last.ckpt")
    else:
        (run_dir / "last.ckpt").write_text("no checkpoint")
    recipe = small_recipe()
    with pytest.raises(TrainingDataError, match="remove it to begin anew, or take another --run-dir"):
        fit(recipe, split_sources(recipe, data), run_dir)
    assert not ran.exists()


@pytest.mark.slow
def test_training_goes_on_after_a_stop_and_writes_weights_and_card(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from landslide_cli.training.fit import Settings, fit
    from landslide_cli.training.split import split_sources
    from landslide_cli.training.train import write_model

    recipe = dataclasses.replace(small_recipe(), rounded_from=0.5)
    split = split_sources(recipe, data)
    whole = fit(recipe, split, tmp_path / "whole", settings=Settings(every=100, save_every=3))
    # The same recipe, stopped after its first checkpoint.
    fit(recipe, split, tmp_path / "parts", settings=Settings(every=100, save_every=3), stop_at=5)
    resumed = fit(recipe, split, tmp_path / "parts", settings=Settings(every=100, save_every=3))
    for (name, one), other in zip(
        whole.network.state_dict().items(), resumed.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name

    card = write_model(recipe, split, whole, tmp_path / "tiny.safetensors")
    again = find_model(tmp_path / "tiny.safetensors")[1]
    one, other = (json.loads(json.dumps(dataclasses.asdict(c))) for c in (again, card))
    assert one == other
    assert card.training["sources"][0]["chips"] == {"training": 2, "validation": 2, "test": 2}
    assert set(card.metrics["test"]) == {"slides", "others", "all"}
    assert "f1" not in card.metrics["test"]["others"]


def test_weights_go_a_part_of_the_way_back() -> None:
    from torch import nn

    from landslide_cli.training.fit import _blend

    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    after = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = {name: torch.randn(tensor.shape).to(tensor.dtype) for name, tensor in after.items()}
    _blend(network, before, 0.25)
    for name, tensor in network.state_dict().items():
        expected = 0.25 * before[name] + 0.75 * after[name] if tensor.is_floating_point() else after[name]
        torch.testing.assert_close(tensor, expected)
