"""Finds the models on this machine, and their names. Knows names only, and opens no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pipelines

BUNDLED: Final = "bundled"
_INDEX: Final = "model_index.json"
"""A folder with this file is a model in the diffusers layout."""
_SUFFIX: Final = ".safetensors"
_VAE_SUFFIX: Final = ".vae.safetensors"
"""The end of the name of an autoencoder that belongs to the model beside it."""
_INNER_ROOTS: Final = ("models/Stable-diffusion", "Stable-diffusion", "models/checkpoints", "checkpoints")
"""Folders in which A1111 and ComfyUI keep their models. Their other folders hold adapters and upscalers."""
_HUB_FOLDER: Final = "models--"
"""The beginning of the name of a repository's folder in a hub cache: models--owner--name."""
_MAX_DEPTH: Final = 4
"""Levels of folders that are searched below a root."""


def find_models(data_dir: Path) -> dict[str, Path]:
    """Maps names to folders and files: the bundled model, and the models in `data_dir`/models."""
    bundled = Path(pipelines.__file__).with_name(BUNDLED)
    first = {BUNDLED: bundled} if path_exists(bundled / _INDEX) else {}
    own = _find_below((data_dir / "models").expanduser())
    return first | {name: path for name, path in own.items() if name not in first}


def find_models_in(root: Path) -> dict[str, Path]:
    """Maps names to the models in a folder of models, in the order of the names.

    Models are folders in the diffusers layout and single `.safetensors` files. A name is the path below the root,
    without ".safetensors". A root may be that of A1111, of ComfyUI or of the hub's cache. A folder that cannot be read
    has no models.
    """
    root = root.expanduser()
    inner = [each for each in (root / name for name in _INNER_ROOTS) if path_exists(each)]
    return _find_below(*(inner or [root]))


def path_exists(path: Path) -> bool:
    """Whether a path exists. Texts that cannot be a path do not."""
    try:
        return path.exists()
    except OSError:  # such as for a name that is too long
        return False


def _find_below(*folders: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for name, path in _walk(folder, "", _MAX_DEPTH, frozenset()):
            found.setdefault(name, path)
    return dict(sorted(found.items()))


def _walk(folder: Path, prefix: str, depth: int, above: frozenset[str]) -> Iterator[tuple[str, Path]]:
    """Yields the models below a folder. `above` are the real folders around it: a link may lead back to one."""
    real = os.path.realpath(folder)
    if real in above:
        return
    folders, files = _list(folder)
    models = [name.removesuffix(_SUFFIX) for name in files if _is_model_file(name)]
    for name in models:
        yield prefix + name, folder / f"{name}{_SUFFIX}"
    # A folder with the name of a file holds what the file lacks.
    for name in (each for each in folders if each not in models):
        if path_exists(folder / name / _INDEX):
            yield prefix + name, folder / name
        elif name.startswith(_HUB_FOLDER):
            yield from _snapshot(folder / name)
        elif depth > 1:
            yield from _walk(folder / name, f"{prefix}{name}/", depth - 1, above | {real})


def _list(folder: Path) -> tuple[list[str], list[str]]:
    """Returns the names of the folders and of the files in a folder, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            seen = sorted((each.name, each.is_dir()) for each in entries if not each.name.startswith("."))
    except OSError:  # The server reports it when it needs the folder itself.
        return [], []
    return [name for name, is_folder in seen if is_folder], [name for name, is_folder in seen if not is_folder]


def _is_model_file(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.endswith(_VAE_SUFFIX)


def _snapshot(repository: Path) -> Iterator[tuple[str, Path]]:
    """Yields the snapshot of a repository in a hub cache to which its branch `main` points."""
    try:
        revision = (repository / "refs/main").read_text().strip()
    except OSError:
        return
    snapshot = repository / "snapshots" / revision
    if path_exists(snapshot / _INDEX):
        yield repository.name.removeprefix(_HUB_FOLDER).replace("--", "/"), snapshot
