"""Which models are on this machine, and what a name that a user gives stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pipelines

BUNDLED: Final = "bundled"
_INDEX: Final = "model_index.json"
"""What makes a folder a model in the diffusers layout."""


def find_models(data_dir: Path) -> dict[str, Path]:
    """Name to folder: the bundled model, and the folders of `data_dir`/models."""
    folders = {BUNDLED: Path(pipelines.__file__).with_name(BUNDLED)}
    for index in sorted((data_dir / "models").expanduser().glob(f"*/{_INDEX}")):
        folders.setdefault(index.parent.name, index.parent)
    return {name: folder for name, folder in folders.items() if (folder / _INDEX).is_file()}


def locate(name: str, data_dir: Path) -> str:
    """The folder of the model that goes by `name`; any other text, a path for example, as it is."""
    folder = find_models(data_dir).get(name)
    return name if folder is None else str(folder)
