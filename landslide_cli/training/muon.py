"""Muon for convolutions: steps whose directions all count alike, AdamW for what isn't a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Of the quintic iteration: its slope at zero is as steep as it can be without leaving [0.7, 1.2] afterwards.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


class Muon(Optimizer):
    """Momentum, made orthogonal, as the step of each weight matrix.

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the weight of a convolution
    counts as a matrix of one row per output channel. A step is scaled by ``0.2 sqrt(max(rows, columns))`` (Liu et
    al. 2025, "Muon is scalable for LLM training", section 2.2), so that a learning rate of AdamW serves as it is.

    `torch.optim.Muon` takes parameters of two axes only.

    Args:
        matrices: Parameters with two or more axes.
        others: Biases, norms, first and last layer: updated by AdamW.
        lr: Learning rate of both.
        weight_decay: Of the matrices alone.
        momentum: Nesterov's, of the matrices.
        betas: Of AdamW.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        groups = [
            {"params": list(matrices), "orthogonal": True, "weight_decay": weight_decay},
            {"params": list(others), "orthogonal": False, "weight_decay": 0.0},
        ]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = _orthogonal_step if group["orthogonal"] else _adam_step
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update(parameter.grad, self.state[parameter], group), alpha=-group["lr"])
        return loss


def orthogonalize(matrix: Tensor) -> Tensor:
    """The nearest matrix with orthonormal rows or columns, roughly: singular values between 0.7 and 1.2."""
    a, b, c = NEWTON_SCHULZ
    wide = matrix.bfloat16() if matrix.shape[0] <= matrix.shape[1] else matrix.bfloat16().T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return (wide if matrix.shape[0] <= matrix.shape[1] else wide.T).to(matrix.dtype)


def _orthogonal_step(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    state["momentum"].lerp_(gradient, 1 - group["momentum"])
    matrix = gradient.lerp(state["momentum"], group["momentum"]).flatten(1)
    return orthogonalize(matrix).mul_(0.2 * math.sqrt(max(matrix.shape))).view_as(gradient)


def _adam_step(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    first, second = group["betas"]
    if not state:
        state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
    state["step"] += 1
    mean: Tensor = state["mean"].lerp_(gradient, 1 - first)
    square: Tensor = state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
    spread = (square / (1 - second ** state["step"])).sqrt_().add_(1e-8)
    return mean / (1 - first ** state["step"]) / spread
