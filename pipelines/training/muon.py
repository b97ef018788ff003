"""Muon: momentum whose update is made orthogonal, for the matrices of a network; Adam for the rest of it.

K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks" (2024); AdamW is arXiv:1711.05101.
`torch.optim.Muon` takes matrices only: here a convolution's kernel counts as one, output channels by the rest.
On this project's autoencoder it needs about a sixth of AdamW's steps (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn

ADAM_SHARE: Final = 0.1
"""Learning rate of what Adam moves, as a share of Muon's."""
MOMENTUM: Final = 0.95
BETAS: Final = (0.9, 0.99)
LEAST_SIDE: Final = 16
"""Thinner matrices, such as a picture's three channels, are left to Adam."""


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
            learned = [parameter for parameter in group["params"] if parameter.grad is not None]
            moves = (_orthogonal if group["matrix"] else _adam)([(each.grad, self.state[each]) for each in learned])
            for parameter, move in zip(learned, moves, strict=True):
                if parameter.ndim > 1:
                    parameter.mul_(1 - rate * group["weight_decay"])
                parameter.add_(move, alpha=-rate)


_Learned: TypeAlias = tuple[Tensor, dict[str, Tensor]]
"""A parameter's gradient and its moments."""


def _orthogonal(learned: list[_Learned]) -> list[Tensor]:
    """Nesterov momentum, made orthogonal; a tall matrix's update is as large as a square one's."""
    matrices = []
    for gradient, state in learned:
        momentum = state.setdefault("momentum", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        matrices.append(gradient.lerp(momentum, MOMENTUM).reshape(len(gradient), -1))
    return [
        update.mul(max(1.0, update.shape[0] / update.shape[1]) ** 0.5).reshape(gradient.shape)
        for update, (gradient, _) in zip(orthogonalised(matrices), learned, strict=True)
    ]


def _adam(learned: list[_Learned]) -> list[Tensor]:
    return [_adam_move(*each) for each in learned]


def _adam_move(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
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


def orthogonalised(matrices: Sequence[Tensor], iterations: int = 5) -> list[Tensor]:
    """About U V' for each matrix U S V', by the quintic Newton-Schulz iteration; singular values come to lie near one.

    The iteration X <- (a + b X X' + c (X X')^2) X is run on the small matrix X X' and the product of its polynomials,
    which all commute, and meets the long side of X only at the beginning and the end. Between, matrices whose short
    sides agree go together, since one such product hardly occupies a processor.
    """
    wide = [matrix.T if matrix.shape[0] > matrix.shape[1] else matrix for matrix in matrices]
    scaled = [matrix / (matrix.norm() + 1e-7) for matrix in wide]
    by_side: dict[int, list[int]] = {}
    for index, matrix in enumerate(scaled):
        by_side.setdefault(len(matrix), []).append(index)
    results = list(scaled)
    for indices in by_side.values():
        products = _newton_schulz(torch.stack([scaled[index] @ scaled[index].T for index in indices]), iterations)
        for index, product in zip(indices, products, strict=True):
            orthogonal = product @ scaled[index]
            results[index] = orthogonal.T if matrices[index].shape[0] > matrices[index].shape[1] else orthogonal
    return results


def _newton_schulz(gram: Tensor, iterations: int) -> Tensor:
    """The product of the iteration's polynomials in each of `gram` [N, side, side]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    product = one = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device).expand_as(gram)
    for _ in range(iterations):
        polynomial = a * one + torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    return product
