"""Reads the setting that lists a server's models: names, paths and folders of models, and their public names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from service.catalog import path_exists


class ListedModel(NamedTuple):
    """A model of the list."""

    name: str
    """The name that requests use; empty where the model's files decide it."""
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
        return [ListedModel(name, str(path) if path_exists(path) else source)]
    found = find(path)
    if not found:
        return [ListedModel(name, str(path))]  # Its loader reports the fault.
    if name:
        raise ModelListError(f"{source} is a folder of models, which cannot have one name.")
    return [ListedModel(each, str(folder)) for each, folder in found.items()]


def _is_folder(path: Path) -> bool:
    return path_exists(path) and path.is_dir()
