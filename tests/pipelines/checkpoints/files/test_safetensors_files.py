"""A file that is not whole, or not safetensors, is refused whatever is wrong with it. The cause is named."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipelines.checkpoints.files.safetensors_files import read_header
from pipelines.errors import ModelLoadError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5, dtype=torch.float16)}, path, {"format": "pt"})
    return path


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ModelLoadError) as caught:
        read_header(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path} ")
    return message.removeprefix(f"{path} ")


def with_header(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def test_the_header_of_a_whole_file_is_read(file: Path) -> None:
    header = read_header(file)

    assert {name: (each.dtype, each.shape) for name, each in header.tensors.items()} == {
        "a": ("F32", (3, 4)),
        "b": ("F16", (5,)),
    }
    assert header.metadata == {"format": "pt"}


def test_a_download_that_was_cut_anywhere_is_named_as_incomplete(file: Path) -> None:
    content = file.read_bytes()
    dice = random.Random(0)

    for size in {*range(8, 24), *(dice.randrange(24, len(content)) for _ in range(50)), len(content) - 1}:
        assert refusal(file, content[:size]).startswith(f"is incomplete: it has {size:,} of at least ")


@pytest.mark.parametrize("size", range(1, 8))
def test_a_file_without_a_whole_length_is_refused(file: Path, size: int) -> None:
    assert refusal(file, file.read_bytes()[:size]).startswith("is incomplete: ")


def test_bytes_beyond_the_tensors_are_refused(file: Path) -> None:
    assert refusal(file, file.read_bytes() + b"xyz") == (
        "is not a valid safetensors file: it has 3 bytes that its header does not describe. Download it again."
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "Run `git lfs pull`"),
        (b"PK\x03\x04\x00\x00\x08\x08 archive/data.pkl", "is a pickle checkpoint with another name"),
        (b"\x80\x02}q\x00(X\x05\x00\x00\x00", "is a pickle checkpoint with another name"),
        (b"<!DOCTYPE html><html>Log in</html>", "is a web page"),
        (b"\n<html><body>Not found</body></html>", "is a web page"),
        (struct.pack("<Q", 1 << 62) + b"{}", "its header claims 4611686018427387904 bytes"),
        (struct.pack("<Q", 0) + b"{}", "its header claims 0 bytes"),
        (with_header(b"not JSON at all"), "is not a valid safetensors file: "),
        (with_header(b"[1, 2]"), "is not a valid safetensors file: "),
        (with_header(json.dumps({"a": {"dtype": "F32"}}).encode()), "is not a valid safetensors file: "),
        (with_header(b'{"__metadata__": {"format": 3}}'), "is not a valid safetensors file: "),
    ],
)
def test_what_is_no_safetensors_file_is_named(tmp_path: Path, content: bytes, cause: str) -> None:
    assert cause in refusal(tmp_path / "model.safetensors", content)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be read"):
        read_header(tmp_path / "none.safetensors")
