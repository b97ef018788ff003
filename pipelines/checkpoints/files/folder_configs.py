"""Reads the index and the parts' configurations of a folder in the diffusers layout. Needs none of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from pipelines.checkpoints.files import json_files, model_index, scheduler_configs
from pipelines.checkpoints.files.model_index import ModelIndex
from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

SCHEDULER: Final = "scheduler"
_WHOLE_MODEL: Final = "model_index"
_TOKENIZER_FILES: Final = (
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


@dataclass(frozen=True, slots=True)
class FolderConfigs:
    """The index and all configurations of a folder, checked and with defaults filled in."""

    index: ModelIndex
    configs: Mapping[str, Mapping[str, Any]]
    """For each part the content of its configuration, empty for a tokenizer without one. The scheduler's has all
    defaults of its class filled in. `model_index` has what the index says of the whole model."""
    support_files: Mapping[str, Mapping[str, Path]]
    """For each tokenizer its files, by name."""

    @property
    def weighted_parts(self) -> tuple[str, ...]:
        """The parts that have weights."""
        return tuple(part for part, each in self.index.classes.items() if issubclass(each, torch.nn.Module))


def read(folder: Path, boundary: Path | None, remedy: str, files: FileAccess = ANY_FILES) -> FolderConfigs:
    """Read the index and the configurations. Links must not leave `boundary`. `remedy` says what to do about gaps.

    Raises `ModelLoadError`.
    """
    path = folder / model_index.FILE_NAME
    check_link(path, boundary)
    index = model_index.read(path, files)
    configs: dict[str, Mapping[str, Any]] = {_WHOLE_MODEL: index.settings}
    support_files: dict[str, Mapping[str, Path]] = {}
    for part in index.libraries:
        if not (folder / part).is_dir():
            raise ModelLoadError(f"{folder} lacks the folder {part}, which its {path.name} lists. {remedy}")
        if part == SCHEDULER:
            config = _read(folder / part / "scheduler_config.json", boundary, remedy, files)
            configs[part] = scheduler_configs.fill_in(folder / part / "scheduler_config.json", index.scheduler, config)
        elif issubclass(index.classes[part], torch.nn.Module):
            configs[part] = _text_config(_read(folder / part / "config.json", boundary, remedy, files))
        else:
            support_files[part] = _find_tokenizer_files(folder / part, boundary, remedy, files)
            named = support_files[part].get("tokenizer_config.json")
            configs[part] = {} if named is None else json_files.read_config(named, files)
    return FolderConfigs(index, configs, support_files)


def check_link(path: Path, boundary: Path | None) -> None:
    """Raise `ModelLoadError` if the path leads out of the boundary."""
    if boundary is not None and not path.resolve().is_relative_to(boundary.resolve()):
        raise ModelLoadError(
            f"{path} is a link that leads out of what was downloaded, which is not followed. Delete {boundary} and "
            "download the model again."
        )


def _read(path: Path, boundary: Path | None, remedy: str, files: FileAccess) -> dict[str, Any]:
    check_link(path, boundary)
    if not path.is_file():
        raise ModelLoadError(f"{path} is missing. {remedy}")
    return json_files.read_config(path, files)


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the text encoder's part of the configuration of a whole CLIP model, which some folders have."""
    text_config = config.get("text_config") if config.get("model_type") == "clip" else None
    return text_config if isinstance(text_config, dict) else config


def _find_tokenizer_files(folder: Path, boundary: Path | None, remedy: str, files: FileAccess) -> dict[str, Path]:
    found = {name: folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()}
    if "tokenizer.json" not in found and not {"vocab.json", "merges.txt"} <= set(found):
        raise ModelLoadError(f"{folder} lacks vocab.json and merges.txt, or tokenizer.json. {remedy}")
    for path in found.values():
        check_link(path, boundary)
        files.expect(path)
    return found
