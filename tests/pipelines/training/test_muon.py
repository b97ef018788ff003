"""Muon orthogonalizes the updates of matrices, and leaves the other parameters to Adam."""

from __future__ import annotations

import torch
from torch import nn

from pipelines.training.muon import Muon, orthogonalize


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalize(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_adam_updates_embeddings_biases_and_thin_matrices() -> None:
    shapes = {"a.weight": (32, 32, 3, 3), "conv_in.weight": (32, 3, 3, 3), "a.bias": (32,), "out.weight": (3, 144)}
    shapes |= {"token_embedding.weight": (700, 128)}
    parameters = {name: nn.Parameter(torch.zeros(shape)) for name, shape in shapes.items()}
    matrices, others = Muon(parameters.items(), 0.1, 0.0).param_groups
    assert matrices["params"] == [parameters["a.weight"]]
    assert len(others["params"]) == 4
