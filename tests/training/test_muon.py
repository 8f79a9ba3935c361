"""Muon against torch's own."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from landslide_cli.training.muon import Muon, orthogonalize


def test_matrices_step_as_with_torchs_muon_and_the_rest_as_with_its_adamw() -> None:
    torch.manual_seed(0)
    start = [torch.randn(6, 10), torch.randn(6)]
    target = [torch.randn(6, 10), torch.randn(6)]

    def after(make: list[torch.optim.Optimizer], params: list[nn.Parameter]) -> list[torch.Tensor]:
        for _ in range(20):
            for one in make:
                one.zero_grad()
            sum(((p - t) ** 2).sum() for p, t in zip(params, target, strict=True)).backward()
            for one in make:
                one.step()
        return [p.detach() for p in params]

    ours = [nn.Parameter(p.clone()) for p in start]
    theirs = [nn.Parameter(p.clone()) for p in start]
    mine = after([Muon(ours[:1], ours[1:], lr=0.01, weight_decay=0.1)], ours)
    muon = torch.optim.Muon(theirs[:1], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(theirs[1:], lr=0.01, weight_decay=0.0)
    for got, expected in zip(mine, after([muon, adam], theirs), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_a_convolution_steps_as_the_matrix_of_its_output_channels() -> None:
    torch.manual_seed(0)
    conv = nn.Parameter(torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last))
    flat = nn.Parameter(conv.detach().flatten(1).clone())
    gradient = torch.randn(4, 3, 3, 3)
    conv.grad, flat.grad = gradient, gradient.flatten(1)
    for parameter in (conv, flat):
        Muon([parameter], []).step()
    torch.testing.assert_close(conv.flatten(1), flat)


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(2, 40), cols=st.integers(2, 40), seed=st.integers(0, 1000))
def test_orthogonalized_singular_values_lie_near_one(rows: int, cols: int, seed: int) -> None:
    # Rows of one matrix differ in length a thousandfold; what comes out doesn't.
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, cols, generator=generator)
    found = torch.linalg.svdvals(orthogonalize(matrix))
    given_ = torch.linalg.svdvals(matrix)
    strong = given_ > 0.03 * matrix.norm()
    assert found[: int(strong.sum())].min() > 0.5
    assert found.max() < 1.4
