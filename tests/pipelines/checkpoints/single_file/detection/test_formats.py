"""Only safetensors files are read. Others are refused with their kind and what to take instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.checkpoints.single_file.detection import formats
from pipelines.errors import ModelLoadError


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "x.ckpt",
            b"PK",
            (
                "is a pickle checkpoint, which could run code; only safetensors are loaded. Most models are also "
                "published as a .safetensors file: take that one."
            ),
        ),
        ("x.gguf", b"GGUF\3", "is a GGUF file, whose weights are quantized; only safetensors are loaded."),
        ("x.png", b"\x89PNG", "is neither a folder nor a .safetensors file."),
    ],
)
def test_other_formats_are_refused(name: str, content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=f"^{re.escape(f'{path} {sentence}')}$"):
        formats.check(path)


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    formats.check(tmp_path / "X.SAFETENSORS")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be read"):
        formats.check(tmp_path / "missing.gguf")
