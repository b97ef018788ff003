"""A recipe has the shape of what it makes, and makes of a tensor what the same steps make of it directly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pipelines.checkpoints.single_file.conversion.recipes import Recipe


@pytest.mark.parametrize(
    "steps",
    [
        lambda tensor: tensor,
        lambda tensor: tensor[:2, :].clone().detach(),
        lambda tensor: tensor[2:4],
        lambda tensor: tensor.T.contiguous(),
        lambda tensor: tensor[:, 1],
    ],
)
def test_steps_are_recorded_and_taken(steps: Callable[[Any], Any]) -> None:
    weight = torch.arange(24.0).reshape(6, 4)
    recipe = steps(Recipe("key", tuple(weight.shape)))
    made, expected = recipe.make(weight), steps(weight)
    assert recipe.source == "key"
    assert recipe.shape == expected.shape == made.shape
    assert recipe.ndim == expected.ndim
    assert torch.equal(made, expected)
    assert made.is_contiguous()


def test_convolutions_of_one_pixel_become_matrices() -> None:
    weight = torch.arange(6.0).reshape(2, 3, 1, 1)
    recipe = Recipe("key", (2, 3, 1, 1))[:, :, 0, 0]
    assert recipe.shape == (2, 3)
    assert torch.equal(recipe.make(weight), weight[:, :, 0, 0])


def test_a_piece_does_not_keep_the_whole_tensor_alive() -> None:
    weight = torch.zeros(6, 4)
    piece = Recipe("key", (6, 4))[:2].make(weight)
    assert piece.untyped_storage().nbytes() == piece.nbytes
    assert Recipe("key", (6, 4)).make(weight) is weight
