"""Decides whether a model can be made of what a user named, and of which of its files. Reads no weights, runs no code.

Only the files that the family opens are looked at. A folder's other files do not matter, and are only named in a note.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.checkpoints import profile
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.files import folder_configs, json_files, model_index, safetensors_files, weight_files
from pipelines.checkpoints.files.folder_configs import FolderConfigs
from pipelines.checkpoints.files.name_lists import first_few
from pipelines.checkpoints.files.weight_files import Form
from pipelines.checkpoints.single_file import inspection as single_file
from pipelines.checkpoints.sources import Source
from pipelines.errors import ModelLoadError, UnreviewedFileError
from pipelines.integrity.file_access import FileAccess

_CODE: Final = (".py", ".pyc", ".so", ".dll", ".dylib")
_PLAIN: Final = "plain"


@dataclass(frozen=True, slots=True)
class _Taken:
    """The form of the weights of one part that was chosen."""

    form: Form
    files: tuple[Path, ...]
    reasons: tuple[str, ...]
    """The reasons for which better forms were not taken."""


def inspect(source: Source, dtype: DtypeChoice = DtypeChoice()) -> Checkpoint:  # noqa: B008 -- frozen
    """Find the family of the model, its configurations and the files of its weights. Raises `ModelLoadError`.

    The message names the file, the cause, and what to do instead.
    """
    if source.is_file:
        return single_file.inspect(source, dtype)
    _check_layout(source)
    found = folder_configs.read(source.path, source.boundary, source.remedy, source.files)
    in_dtype = dtype.resolve(found.configs.values())
    taken = {part: _take(source, found, part, in_dtype) for part in found.weighted_parts}
    return Checkpoint(
        name=source.name,
        path=source.path,
        family=found.index.family,
        classes=found.index.classes,
        configs=found.configs,
        weights={part: each.files for part, each in taken.items()},
        support_files=found.support_files,
        dtype=in_dtype,
        profile=profile.read(source.path, source.files),
        files=source.files,
        notes=tuple(_notes(source.path, found, taken)),
    )


def _check_layout(source: Source) -> None:
    folder = source.path
    if (folder / model_index.FILE_NAME).is_file():
        return
    reason = f"{folder} is not a diffusers model folder: it has no {model_index.FILE_NAME}."
    singles = sorted(path.name for path in folder.glob("*.safetensors"))
    if (folder / "config.json").is_file() or (folder / "scheduler_config.json").is_file():
        raise ModelLoadError(f"{reason} It is one part of a model; name the folder above it.")
    if singles:
        raise ModelLoadError(f"{reason} It has single files; name one of them, such as {folder / singles[0]}.")
    below = next(iter(sorted(folder.glob(f"*/{model_index.FILE_NAME}"))), None)
    if below is not None:
        raise ModelLoadError(f"{reason} Name a folder that has one, such as {below.parent}.")
    pickles = weight_files.find_pickles([path.name for path in folder.iterdir()])
    if pickles:
        raise ModelLoadError(
            f"{reason} It has only {pickles[0]}, a pickle, which could run code. {weight_files.CONVERT}"
        )
    raise ModelLoadError(f"{reason} {source.remedy}")


def _take(source: Source, found: FolderConfigs, part: str, dtype: str) -> _Taken:
    """Choose the best form of a part's weights whose files are whole."""
    folder = source.path / part
    names = {path.name for path in folder.iterdir()}
    reasons: list[str] = []
    for form in weight_files.find_forms(names, weight_files.STEMS[found.index.libraries[part]], dtype):
        try:
            files = tuple(_files_of(folder, form, source.files))
            for path in files:
                folder_configs.check_link(path, source.boundary)
                source.files.expect(path)
                safetensors_files.read_header(path)
        except UnreviewedFileError:
            raise  # A form that was tampered with is not replaced by another one.
        except ModelLoadError as error:
            reasons.append(str(error))
        else:
            return _Taken(form, files, tuple(reasons))
    if reasons:
        raise ModelLoadError(reasons[0])
    raise ModelLoadError(weight_files.explain_absence(str(folder), names, source.remedy))


def _files_of(folder: Path, form: Form, access: FileAccess) -> Iterator[Path]:
    if not form.is_index:
        yield folder / form.file
        return
    path = folder / form.file
    weight_map = json_files.read(path, access).get("weight_map")
    shards = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not shards:
        raise ModelLoadError(f"{path} names no files: it has no weight_map. Download it again.")
    for name in sorted(map(str, shards)):
        if Path(name).name != name or "\\" in name or name.startswith(".") or not name.endswith(".safetensors"):
            raise ModelLoadError(f"{path} names {name!r}, which is not the plain name of a safetensors file.")
        yield folder / name


def _notes(folder: Path, found: FolderConfigs, taken: Mapping[str, _Taken]) -> Iterator[str]:
    variants = {part: each.form.variant or _PLAIN for part, each in taken.items()}
    for variant in sorted(set(variants.values()) - {_PLAIN}):
        parts = ", ".join(part for part, own in variants.items() if own == variant)
        yield f"The {variant} files of {parts} are taken."
    for part, each in taken.items():
        for reason in each.reasons:
            yield f"{reason} Until then the {variants[part]} files of {part} are taken."
    opened = {path for each in taken.values() for path in each.files}
    aside = list(_find_aside(folder, found.index.libraries, opened))
    if aside:
        yield f"Left aside, since the model does not need them: {first_few(aside)}."


def _find_aside(folder: Path, parts: Collection[str], opened: Collection[Path]) -> Iterator[str]:
    """Yield what a reader of the folder could take for a part of the model. Files below other folders are not named."""
    for path in itertools.chain(folder.iterdir(), *((folder / part).iterdir() for part in parts)):
        if path.name.startswith(".") or path in opened or (path.parent == folder and path.name in parts):
            continue
        if path.is_dir() or weight_files.is_weights(path.name) or path.suffix in _CODE:
            yield str(path.relative_to(folder))
