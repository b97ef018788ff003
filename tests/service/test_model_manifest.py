"""The operator's manifest is read, or refused with a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.errors import ManifestError
from service.model_manifest import read_manifest


def test_a_manifest_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").write_text(f"{'a' * 64}  x\n")
    assert read_manifest(tmp_path / "m").find(tmp_path / "x") == "a" * 64


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"x", 0o644, r".*/m, line 1: must be a SHA-256"),
        (b"", 0o646, r"Everybody may write to .*/m, and so choose the files of models"),
        (b"\xff", 0o644, r".*/m is not UTF-8"),
        (None, 0o644, r"The model manifest .*/m cannot be read \(No such file or directory\)\.$"),
    ],
)
def test_what_cannot_be_used_is_refused(content: bytes | None, mode: int, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "m").write_bytes(content)
        (tmp_path / "m").chmod(mode)
    with pytest.raises(ManifestError, match=re.compile(f"^{said}")):
        read_manifest(tmp_path / "m")
