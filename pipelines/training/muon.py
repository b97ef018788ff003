"""Muon: momentum whose update is made orthogonal, for the matrices of a network; Adam for the rest of it.

K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024); AdamW is arXiv:1711.05101.
`torch.optim.Muon` takes matrices only: here a convolution's kernel counts as one, output channels by the rest.
On this project's autoencoder it needs about a sixth of AdamW's steps (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

ADAM_SHARE: Final = 0.1
"""Learning rate of what Adam moves, as a share of Muon's."""
MOMENTUM: Final = 0.95
BETAS: Final = (0.9, 0.99)
LEAST_SIDE: Final = 16
"""Thinner matrices, such as an image's three channels, are left to Adam."""


class Muon(torch.optim.Optimizer):
    """One optimizer for all of a network's parameters, sorted by name and shape."""

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], lr: float, weight_decay: float) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in parameters:
            (matrices if _is_hidden_matrix(name, parameter) else others).append(parameter)
        groups: list[dict[str, Any]] = [{"params": matrices, "matrix": True}, {"params": others, "matrix": False}]
        super().__init__([group for group in groups if group["params"]], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            rate = group["lr"] if group["matrix"] else ADAM_SHARE * group["lr"]
            move = _orthogonal if group["matrix"] else _adam
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.ndim > 1:
                    parameter.mul_(1 - rate * group["weight_decay"])
                parameter.add_(move(parameter.grad, self.state[parameter]), alpha=-rate)


def _orthogonal(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Nesterov momentum, made orthogonal; a tall matrix's update is as large as a square one's."""
    momentum = state.setdefault("momentum", torch.zeros_like(gradient))
    momentum.lerp_(gradient, 1 - MOMENTUM)
    update = orthogonalised(gradient.lerp(momentum, MOMENTUM).reshape(len(gradient), -1))
    rows, columns = update.shape
    scale: float = max(1.0, rows / columns) ** 0.5
    return update.reshape(gradient.shape).mul(scale)


def _adam(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    count = state.setdefault("count", torch.zeros(()))
    first = state.setdefault("first", torch.zeros_like(gradient))
    second = state.setdefault("second", torch.zeros_like(gradient))
    count += 1
    first.lerp_(gradient, 1 - BETAS[0])
    second.lerp_(gradient.square(), 1 - BETAS[1])
    spread = (second / (1 - BETAS[1] ** count.item())).sqrt()
    return first / (1 - BETAS[0] ** count.item()) / (spread + 1e-8)


def _is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    if parameter.ndim < 2 or "embedding" in name or "conv_in" in name:
        return False
    return min(len(parameter), parameter[0].numel()) >= LEAST_SIDE


def orthogonalised(matrix: Tensor, iterations: int = 5) -> Tensor:
    """About U V' for a matrix U S V', by the quintic Newton-Schulz iteration; singular values come to lie near one.

    The iteration X <- (a + b X X' + c (X X')^2) X is run on the small matrix X X' and the product of its polynomials,
    which all commute, and meets the long side of X only at the beginning and the end.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    wide: Tensor = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    gram = wide @ wide.T
    product = one = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(iterations):
        polynomial = a * one + b * gram + c * (gram @ gram)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    orthogonal = product @ wide
    return orthogonal.T if tall else orthogonal
