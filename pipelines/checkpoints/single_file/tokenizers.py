"""Finds the files of a tokenizer: beside the single file, or CLIP's, which ship with Darkroom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipelines.checkpoints.files import json_files
from pipelines.checkpoints.single_file import settings
from pipelines.checkpoints.single_file.kinds import TOKENIZER_FILES
from pipelines.checkpoints.single_file.parts import FileParts
from pipelines.errors import ModelLoadError

_CONFIG: Final = "tokenizer_config.json"
_NAMES: Final = (
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    _CONFIG,
    "vocab.json",
)
_CLIP_TOKENS: Final = 49408


def find(file: FileParts, part: str, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Path]:
    """Return the files by their names. `part` is tokenizer or tokenizer_2. Raises `ModelLoadError` if there are none.

    `configs` are those of the networks. A text encoder with as many tokens as CLIP is taken to use CLIP's tokenizer.
    """
    own = settings.companion(file.path) / part
    found = {name: own / name for name in _NAMES if (own / name).is_file()} or _shipped(file, part, configs)
    for path in found.values():
        file.files.expect(path)
    return found


def _shipped(file: FileParts, part: str, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Path]:
    tokens = configs[part.replace("tokenizer", "text_encoder")]["vocab_size"]
    if tokens != _CLIP_TOKENS:
        raise ModelLoadError(
            f"{file.path} has a text encoder of {tokens} tokens, which are not CLIP's {_CLIP_TOKENS}. Put its "
            f"tokenizer into the folder {settings.companion(file.path) / part} beside it."
        )
    return {**TOKENIZER_FILES, _CONFIG: file.kind.configs / part / _CONFIG}


def read_config(file: FileParts, found: Mapping[str, Path]) -> dict[str, Any]:
    return json_files.read_config(found[_CONFIG], file.files) if _CONFIG in found else {}
