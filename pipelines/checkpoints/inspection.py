"""Decides whether a model can be made of what a user named, and of which of its files. Reads no weights, runs no code.

Only the files that the family opens are looked at. A folder's other files do not matter.
"""

from __future__ import annotations

from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.sources import Source
from pipelines.errors import ModelLoadError


def inspect(source: Source, dtype: DtypeChoice = DtypeChoice()) -> Checkpoint:  # noqa: B008 -- frozen
    """Find the family of the model, its configurations and the files of its weights. Raises `ModelLoadError`."""
    if source.is_file:
        raise ModelLoadError(f"{source.path} is a file. A model is a folder in the diffusers layout.")
    raise ModelLoadError(f"{source.path} is not a diffusers model folder: it has no model_index.json.")
