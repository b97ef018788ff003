"""Checks that a safetensors file is whole, from its header and its size. Reads no tensor.

The format is an 8-byte little-endian length, a JSON header of that length, and the bytes of the tensors
(https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.errors import ModelLoadError

_MAX_HEADER_BYTES: Final = 100_000_000
"""The format's own limit."""
_LFS_POINTER: Final = b"version https://git-lfs"
_PICKLES: Final = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""The beginnings of files that torch.save writes, in a zip archive or not."""
_DAMAGED: Final = "Download it again."


class Tensor(msgspec.Struct, frozen=True):
    """One entry of the header."""

    dtype: str
    """The format's name, such as F32, F16 or BF16."""
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]
    """Begin and end in bytes, counted from the end of the header."""


_TENSORS: Final = msgspec.json.Decoder(dict[str, Tensor])
"""Prepares the type for `msgspec.convert` too: see tests/repository/test_decoders.py."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a safetensors file that is whole."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Read the header and compare the size that it implies with the file's. Raises `ModelLoadError`."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
            length = int.from_bytes(start[:8], "little")
            _check_start(path, start, size, length)
            file.seek(8)
            header = _parse(path, file.read(length))
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error
    _check_size(path, size, 8 + length + max((each.data_offsets[1] for each in header.tensors.values()), default=0))
    return header


def _check_start(path: Path, start: bytes, size: int, length: int) -> None:
    if not start:
        raise ModelLoadError(f"{path} is empty. {_DAMAGED}")
    if start.startswith(_LFS_POINTER):
        raise ModelLoadError(
            f"{path} is a Git LFS pointer, not the weights. Run `git lfs pull` in the folder that was cloned."
        )
    if start.startswith(_PICKLES) and length > size:
        raise ModelLoadError(
            f"{path} is a pickle checkpoint with another name, which could run code; only safetensors are loaded."
        )
    if start.lstrip()[:1] == b"<":
        raise ModelLoadError(f"{path} is a web page, not the weights. {_DAMAGED}")
    if not 2 <= length <= _MAX_HEADER_BYTES:
        raise ModelLoadError(f"{path} is not a valid safetensors file: its header claims {length} bytes. {_DAMAGED}")
    if 8 + length > size:
        _check_size(path, size, 8 + length)


def _parse(path: Path, content: bytes) -> Header:
    try:
        entries = msgspec.convert(json.loads(content), dict[str, Any])
        metadata = msgspec.convert(entries.pop("__metadata__", {}), dict[str, str])
        return Header(msgspec.convert(entries, dict[str, Tensor]), metadata)
    except (ValueError, RecursionError) as error:
        raise ModelLoadError(f"{path} is not a valid safetensors file: {error}. {_DAMAGED}") from error


def _check_size(path: Path, size: int, expected: int) -> None:
    if size < expected:
        raise ModelLoadError(f"{path} is incomplete: it has {size:,} of at least {expected:,} bytes. {_DAMAGED}")
    if size > expected:
        raise ModelLoadError(
            f"{path} is not a valid safetensors file: it has {size - expected:,} bytes that its header does not "
            f"describe. {_DAMAGED}"
        )
