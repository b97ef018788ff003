"""An operator's files are read only if nobody else can have written them."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.operator_file import read_operator_file


def test_a_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("é")
    assert read_operator_file(tmp_path / "file", "do harm") == "é"


def test_a_file_that_everybody_may_write_is_refused_with_what_they_could_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o646)
    with pytest.raises(ValueError, match=r"^Everybody may write to .*/file, and so do harm: take that right away\.$"):
        read_operator_file(tmp_path / "file", "do harm")


@pytest.mark.parametrize(("content", "said"), [(b"\xff", "not UTF-8"), (b"#" * (2 << 20), "larger than")])
def test_what_is_no_small_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_operator_file(tmp_path / "file", "do harm")


def test_what_is_no_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^/dev/null is not a file\.$"):
        read_operator_file(Path("/dev/null"), "do harm")
