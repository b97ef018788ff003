"""Reads the weights of a part of a single file, one tensor at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pipelines.checkpoints import components
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.files import safetensors_files
from pipelines.checkpoints.single_file import parts
from pipelines.checkpoints.single_file.conversion.part_recipes import Recipes
from pipelines.checkpoints.single_file.conversion.recipes import Recipe


def read(checkpoint: Checkpoint, part: str, dtype: torch.dtype, device: torch.device) -> Iterator[tuple[str, Tensor]]:
    """Read the weights by the names that the network has. Numbers with a fraction are converted to the dtype."""
    by_source: dict[str, list[tuple[str, Recipe]]] = {}
    for name, recipe in _read_recipes(checkpoint, part).items():
        by_source.setdefault(recipe.source, []).append((name, recipe))
    for source, tensor in components.read_tensors(checkpoint.weights[part], dtype, device, names=by_source):
        for name, recipe in by_source[source]:
            yield name, recipe.make(tensor)


def read_shapes(checkpoint: Checkpoint, part: str) -> dict[str, tuple[int, ...]]:
    """Read the shapes that the weights will have, by the same names."""
    return {name: recipe.shape for name, recipe in _read_recipes(checkpoint, part).items()}


def _read_recipes(checkpoint: Checkpoint, part: str) -> Recipes:
    (path,) = checkpoint.weights[part]
    header = safetensors_files.read_header(path)
    return parts.read_recipes(part, header, checkpoint.configs[part], ema=checkpoint.ema)
