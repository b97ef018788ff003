"""Reads which models a server has: the setting's list of names, paths and folders of models, and their public names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple


class ListedModel(NamedTuple):
    """A model of the list."""

    name: str
    """The name that requests use. Empty leaves it to the model's files."""
    source: str
    """A folder, a file or a hub id."""


class ModelListError(ValueError):
    """The list cannot be read. The message is for whoever starts the server."""


Find = Callable[[Path], Mapping[str, Path]]
"""Returns the models in a folder of models, by name."""


def listed_models(text: str, known: Mapping[str, Path], find: Find) -> list[ListedModel]:
    """Returns the models of a list such as `bundled,/models/sdxl,anime=/models/x.safetensors,/models`.

    `known` holds the models that have a name on this machine. A folder that is no model stands for all models in it.
    Raises `ModelListError`.
    """
    models = [model for part in text.split(",") for model in _listed(part.strip(), known, find)]
    named: dict[str, ListedModel] = {}
    for model in models:
        if named.setdefault(model.name or model.source, model) != model:
            raise ModelListError(f"Two models are called {model.name}. Give one of them another name: NAME=PATH.")
    return list(named.values())


def _listed(part: str, known: Mapping[str, Path], find: Find) -> list[ListedModel]:
    name, named, source = part.rpartition("=")
    if named and not name:
        raise ModelListError(f"{part} has no name before the equals sign.")
    if source in known:
        return [ListedModel(name or source, str(known[source]))]
    path = Path(source).expanduser()
    if not _is_folder(path) or (path / "model_index.json").exists():
        return [ListedModel(name, str(path) if _exists(path) else source)]
    found = find(path)
    if not found:
        return [ListedModel(name, str(path))]  # Its loader says what is wrong with it.
    if name:
        raise ModelListError(f"{source} is a folder of models, which cannot have one name.")
    return [ListedModel(each, str(folder)) for each, folder in found.items()]


def _is_folder(path: Path) -> bool:
    return _exists(path) and path.is_dir()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as for a name that is too long
        return False
