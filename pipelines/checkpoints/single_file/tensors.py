"""Reads the weights of a part of a single file, one tensor at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pipelines.checkpoints import components
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.files import safetensors_files
from pipelines.checkpoints.single_file import parts
from pipelines.checkpoints.single_file.conversion.recipes import Recipe


def read(checkpoint: Checkpoint, part: str, dtype: torch.dtype, device: torch.device) -> Iterator[tuple[str, Tensor]]:
    """Read the weights by the names that the network has. Numbers with a fraction are converted to the dtype."""
    (path,) = checkpoint.weights[part]
    header = safetensors_files.read_header(path)
    recipes = parts.read_recipes(part, header, checkpoint.configs[part], ema=checkpoint.ema)
    by_source: dict[str, list[tuple[str, Recipe]]] = {}
    for name, recipe in recipes.items():
        by_source.setdefault(recipe.source, []).append((name, recipe))
    for source, tensor in components.read_tensors([path], dtype, device, names=by_source):
        for name, recipe in by_source[source]:
            yield name, recipe.make(tensor)
