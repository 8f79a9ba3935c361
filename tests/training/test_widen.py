"""A widened network answers as the narrow one did."""

from __future__ import annotations

import pytest
import torch

from landslide_cli.networks.registry import build_network
from landslide_cli.training.widen import widen


@pytest.mark.parametrize("name", ["msasnet", "unet", "unet-ca", "unet-cbam", "unet-psp"])
def test_a_widened_network_answers_as_the_narrow_one_and_its_copies_part(name: str) -> None:
    torch.manual_seed(1)
    narrow, wide = build_network(name, width=16), build_network(name, width=32)
    x = torch.randn(2, 3, 64, 64)
    narrow(x)  # running means that aren't zero
    widen(narrow.eval(), wide)
    torch.testing.assert_close(wide.eval()(x), narrow(x), atol=1e-4, rtol=1e-4)
    wide(x).square().mean().backward()
    stem = next(p for p in wide.parameters() if p.ndim == 4)
    assert stem.grad is not None
    assert not torch.allclose(stem.grad[0::2], stem.grad[1::2], rtol=0.01)


def test_only_multiples_of_the_width_can_be_filled() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        widen(build_network("unet", width=16), build_network("unet", width=24))
