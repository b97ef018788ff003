"""Records what a converter does to a tensor, so that it can be done later to the weights, one tensor at a time.

The converters of diffusers take a dictionary of all weights and return another. Given recipes in the place of tensors,
they return how each weight of the network is made, and nothing needs to be in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

Index = slice | int | tuple["slice | int", ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One tensor of a file and the steps that make a weight of it. Stands for a tensor where only shapes matter."""

    source: str
    """The key in the file."""
    shape: tuple[int, ...]
    steps: tuple[Callable[[Tensor], Tensor], ...] = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def T(self) -> Recipe:  # noqa: N802 -- the name that it has on a tensor
        return self._then(tuple(reversed(self.shape)), lambda tensor: tensor.T)

    def __getitem__(self, index: Index) -> Recipe:
        indices = index if isinstance(index, tuple) else (index,)
        kept = [
            len(range(*each.indices(size))) if isinstance(each, slice) else None
            for each, size in zip(indices, self.shape, strict=False)
        ]
        shape = (*(each for each in kept if each is not None), *self.shape[len(indices) :])
        return self._then(shape, lambda tensor: tensor[index])

    def clone(self) -> Recipe:
        return self

    def detach(self) -> Recipe:
        return self

    def contiguous(self) -> Recipe:
        return self

    def make(self, tensor: Tensor) -> Tensor:
        """Take the steps on the tensor of the file. A piece of it becomes a contiguous tensor of its own."""
        for step in self.steps:
            tensor = step(tensor)
        return tensor.clone(memory_format=torch.contiguous_format) if self.steps else tensor

    def _then(self, shape: tuple[int, ...], step: Callable[[Any], Tensor]) -> Recipe:
        return replace(self, shape=shape, steps=(*self.steps, step))
