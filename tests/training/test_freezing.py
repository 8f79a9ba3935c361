from __future__ import annotations

import pytest
import torch

from landslide_cli.networks.registry import NETWORKS, build_network
from landslide_cli.training.freezing import freeze_encoder

SMALL = {name: {"width": 8} for name in NETWORKS if name not in ("fcn", "segnet", "pspnet")}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_an_encoder_that_rests_and_something_that_learns(name: str) -> None:
    network = build_network(name, **SMALL.get(name, {}))
    resting = freeze_encoder(network.train())
    frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert frozen and learning
    for module in resting:
        module.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in frozen)
    assert any(parameter.grad is not None for parameter in learning)
