"""Adds a model to the data folder, as links to its files or as copies. Never overwrites."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from service.catalog import BUNDLED

_OBJECTS: Final = msgspec.json.Decoder(dict[str, Any])
_SUFFIX: Final = ".safetensors"
_SETTINGS: Final = ".darkroom.json"
_PATHS: Final = ("vae", "text_encoder", "text_encoder_2")
"""Fields of the settings that are paths."""
_BESIDE: Final = (_SETTINGS, ".yaml", ".vae.safetensors", "")
"""Endings of the names of files beside a single model file: settings, configurations and an autoencoder."""


class AddError(Exception):
    """The model cannot be added under that name. The message tells the reason."""


def add(path: Path, name: str, data_dir: Path, *, copy: bool) -> Path:
    """Adds the folder or file at `path` under a name, which may have subfolders. Returns its new path.

    Files beside a single file that belong to it are added too. Raises `AddError` and `OSError`.
    """
    parts = PurePosixPath(name).parts
    if name == BUNDLED or not parts or any(part.startswith(".") or part == "/" for part in parts):
        raise AddError(f"{name!r} cannot be the name of a model.")
    models = data_dir.expanduser() / "models"
    targets = dict(_targets(path, models / name))
    for target in targets.values():
        if os.path.lexists(target):
            raise AddError(f"{target} is there already. Give the model another name, with --name.")
    (models / name).parent.mkdir(parents=True, exist_ok=True)
    for source, target in targets.items():
        _copy(source, target) if copy else target.symlink_to(source.absolute())
    return targets[path]


def _targets(path: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yields each file or folder to add, and its target."""
    if path.is_dir():
        yield path, target
        return
    yield path, target.with_name(target.name + _SUFFIX)
    for end in _BESIDE:
        beside = path.with_name(path.stem + end)
        if beside.exists():
            yield beside, target.with_name(target.name + end)


def _copy(source: Path, target: Path) -> None:
    """Copies under another name first, so that half a copy is never taken for a model."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    if source.is_dir():
        shutil.copytree(source, unfinished)
    elif source.name.endswith(_SETTINGS):
        unfinished.write_bytes(msgspec.json.encode(_with_absolute_paths(source)))
    else:
        shutil.copyfile(source, unfinished)
    unfinished.rename(target)


def _with_absolute_paths(settings: Path) -> dict[str, Any]:
    """Returns the settings of a single file, with absolute paths in place of those relative to their folder."""
    content = _OBJECTS.decode(settings.read_bytes())
    folder = settings.resolve().parent
    return content | {field: str(folder / Path(content[field]).expanduser()) for field in _PATHS if content.get(field)}
