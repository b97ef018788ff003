"""Reads which models a server has: the setting's list of names, paths and folders of models, and their public names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

_SUFFIX: Final = ".safetensors"


class ListedModel(NamedTuple):
    """A model of the list."""

    name: str
    """The name that requests use."""
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
    sources: dict[str, str] = {}
    for model in models:
        if sources.setdefault(model.name, model.source) != model.source:
            raise ModelListError(f"Two models are called {model.name}. Give one of them another name: NAME=PATH.")
    return [ListedModel(name, source) for name, source in sources.items()]


def _listed(part: str, known: Mapping[str, Path], find: Find) -> list[ListedModel]:
    name, named, source = part.rpartition("=")
    if named and not name:
        raise ModelListError(f"{part} has no name before the equals sign.")
    if source in known:
        return [ListedModel(name or source, str(known[source]))]
    path = Path(source).expanduser()
    if not path.exists():
        return [ListedModel(name or source, source)]  # A hub id, or nothing, which its loader says.
    if path.is_file() or (path / "model_index.json").exists():
        return [ListedModel(name or _name(path), str(path))]
    found = find(path)
    if not found:
        raise ModelListError(f"{source} is neither a model nor a folder of models.")
    if name:
        raise ModelListError(f"{source} is a folder of models, which cannot have one name.")
    return [ListedModel(each, str(folder)) for each, folder in found.items()]


def _name(path: Path) -> str:
    return path.absolute().name.removesuffix(_SUFFIX)
