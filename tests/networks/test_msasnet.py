from __future__ import annotations

import pytest
import torch

from landslide_cli.networks.registry import build_network


@pytest.mark.slow
def test_msasnet_has_the_shapes_that_the_paper_states() -> None:
    """At 512×512: stem 64 × 512², 1024 × 32² after the pyramid, up blocks back to 64 × 512²."""
    network = build_network("msasnet").eval()
    seen = {}
    for name in ("stem", "downs.0", "downs.1", "downs.2", "downs.3", "pyramid", "ups.0", "ups.1", "ups.2", "ups.3"):
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: seen.update({name: tuple(out.shape[1:])})
        )
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 512, 512)).shape == (1, 1, 512, 512)
    assert list(seen.values()) == [
        (64, 512, 512), (128, 256, 256), (256, 128, 128), (512, 64, 64), (512, 32, 32), (1024, 32, 32),
        (512, 64, 64), (256, 128, 128), (128, 256, 256), (64, 512, 512),
    ]  # fmt: skip
