"""Finds the models on this machine, and the folder of a model's name."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import pipelines

BUNDLED: Final = "bundled"
_INDEX: Final = "model_index.json"
"""A folder with this file is a model in the diffusers layout."""


def find_models(data_dir: Path) -> dict[str, Path]:
    """Maps names to folders: the bundled model, and the model folders in `data_dir`/models."""
    folders = {BUNDLED: Path(pipelines.__file__).with_name(BUNDLED)}
    # A folder that cannot be read has no models; the server says so when it needs the folder itself.
    with contextlib.suppress(OSError):
        for index in sorted((data_dir / "models").expanduser().glob(f"*/{_INDEX}")):
            folders.setdefault(index.parent.name, index.parent)
    return {name: folder for name, folder in folders.items() if (folder / _INDEX).is_file()}


def find_models_in(root: Path) -> dict[str, Path]:
    """Maps names to the model folders in a folder of models."""
    return {index.parent.name: index.parent for index in sorted(root.glob(f"*/{_INDEX}"))}
