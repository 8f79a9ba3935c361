from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from landslide_cli.errors import TrainingDataError
from landslide_cli.networks.registry import build_network
from landslide_cli.training.rounding import STEPS, Rounding
from tests.training.conftest import small_recipe


def network() -> nn.Module:
    torch.manual_seed(0)
    return build_network("msasnet", width=8).train()


def test_inputs_of_convolutions_have_256_values_at_most_while_it_is_active() -> None:
    net = network()
    rounding = Rounding(net)
    seen: list[int] = []
    transposed = [part for part in net.modules() if isinstance(part, nn.ConvTranspose2d)]
    transposed[0].register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0].unique())))
    pixels = torch.randn(2, 3, 64, 64)
    net(pixels)
    rounding.active = True
    net(pixels)
    plain, rounded = seen
    assert plain > STEPS + 1 >= rounded


def test_rounding_is_close_for_the_range_and_lets_every_gradient_pass() -> None:
    layer = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1)).train()
    with torch.no_grad():
        layer[0].weight.fill_(1.0)
        layer[0].bias.zero_()
        layer[1].weight.zero_()
        layer[1].weight[0, 0, 1, 1] = 1.0
        layer[1].bias.zero_()
    rounding = Rounding(layer)
    rounding.active = True
    x = torch.linspace(-3, 5, 64).reshape(1, 1, 8, 8).requires_grad_()
    y = layer(x)
    assert (y - x).abs().max().item() <= 8 / STEPS / 2 + 1e-6
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones_like(x))


def test_a_network_in_eval_mode_answers_as_without() -> None:
    net = network()
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = net.eval()(pixels)
        rounding = Rounding(net)
        rounding.active = True
        assert torch.equal(net(pixels), expected)


def test_the_first_convolution_and_attention_stay_as_they_are() -> None:
    net = network()
    rounding = Rounding(net)
    rounding.active = True
    net(torch.randn(2, 3, 64, 64))
    # Two in the stem, four stages down, the bridge and four stages up, without the first; and what rises four times.
    assert len(rounding.ranges) == 2 * 10 - 1 + 4
    assert not rounding.ranges.isnan().any()


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_the_recipe_refuses_a_part_that_is_none(share: float) -> None:
    with pytest.raises(TrainingDataError, match="rounded_from"):
        dataclasses.replace(small_recipe(), rounded_from=share)
