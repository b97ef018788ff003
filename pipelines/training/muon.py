"""Muon: momentum with orthogonalized updates for a network's matrices, and Adam for its other parameters.

K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024); AdamW is arXiv:1711.05101.
`torch.optim.Muon` takes matrices only. Here a convolution kernel counts as a matrix too: output channels by the rest.
On this project's autoencoder Muon needs about a sixth of AdamW's steps (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

ADAM_LR_SCALE: Final = 0.1
"""Learning rate of the Adam parameters, relative to Muon's."""
MOMENTUM: Final = 0.95
BETAS: Final = (0.9, 0.99)
MIN_SIDE: Final = 16
"""Adam updates matrices with a shorter side than this, such as the layer that outputs an image's three channels."""


class Muon(torch.optim.Optimizer):
    """Optimizes all parameters of a network. Name and shape decide whether Muon or Adam updates a parameter."""

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], lr: float, weight_decay: float) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in parameters:
            (matrices if _is_hidden_matrix(name, parameter) else others).append(parameter)
        groups: list[dict[str, Any]] = [{"params": matrices, "matrix": True}, {"params": others, "matrix": False}]
        super().__init__([group for group in groups if group["params"]], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # it takes no closure and returns no loss
        for group in self.param_groups:
            rate = group["lr"] if group["matrix"] else ADAM_LR_SCALE * group["lr"]
            update = _muon if group["matrix"] else _adam
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.ndim > 1:
                    parameter.mul_(1 - rate * group["weight_decay"])
                parameter.add_(update(parameter.grad, self.state[parameter]), alpha=-rate)


def _muon(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Returns the orthogonalized Nesterov momentum, scaled so that a tall matrix moves as far as a square one."""
    momentum = state.setdefault("momentum", torch.zeros_like(gradient))
    momentum.lerp_(gradient, 1 - MOMENTUM)
    update = orthogonalize(gradient.lerp(momentum, MOMENTUM).reshape(len(gradient), -1))
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
    return min(len(parameter), parameter[0].numel()) >= MIN_SIDE


def orthogonalize(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Returns about U V' for a matrix U S V', by the quintic Newton-Schulz iteration; all singular values end near one.

    The iteration X <- (a + b X X' + c (X X')^2) X runs on the small matrix X X' and on the product of its polynomials,
    which commute, so the long side of X is involved only at the beginning and at the end.
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
