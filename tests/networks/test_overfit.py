"""A network that can't learn two chips by heart has a broken path for its gradients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchmarks.overfit import GOAL, overfit


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small convolutions on a busy machine wait for each other otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["msasnet", "drs-unet"])
def test_two_chips_are_learnt_by_heart(network: str) -> None:
    assert overfit(network).f1 > GOAL
