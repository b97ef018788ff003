"""Refuses files that are no safetensors files, by their names and their first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipelines.checkpoints.files import weight_files
from pipelines.errors import ModelLoadError

_SUFFIX: Final = ".safetensors"
_GGUF: Final = b"GGUF"


def check(path: Path) -> None:
    """Raise `ModelLoadError` unless the file is named as a safetensors file. `read_header` looks at its content."""
    if path.suffix.lower() == _SUFFIX:
        return
    if weight_files.find_pickles([path.name]):
        raise ModelLoadError(
            f"{path} is a pickle checkpoint, which could run code; only safetensors are loaded. Most models are also "
            "published as a .safetensors file: take that one."
        )
    if _begins_with(path, _GGUF):
        raise ModelLoadError(f"{path} is a GGUF file, whose weights are quantized; only safetensors are loaded.")
    raise ModelLoadError(f"{path} is neither a folder nor a .safetensors file.")


def _begins_with(path: Path, start: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error
