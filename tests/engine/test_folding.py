"""Batch norm that is folded into convolutions changes no logit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landslide_cli.engine.folding import folded
from landslide_cli.networks.registry import NETWORKS, build_network
from tests.engine.conftest import SIZE


@pytest.mark.parametrize("name", NETWORKS)
def test_folding_changes_no_logit(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after a training
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    network.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected, found = network(x), folded(network)(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    # Only resunet-obia has batch norms that stand before their convolution.
    left = sum(isinstance(module, nn.BatchNorm2d) for module in folded(network).modules())
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert left == 0 if name not in ("drs-unet", "resunet-obia") else left < norms
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
