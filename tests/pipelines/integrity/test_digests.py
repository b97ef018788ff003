"""A file is read once for its digest, and again when it has changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipelines.integrity.digests import Digests


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [b"", b"weights", os.urandom((1 << 20) + 1)], ids=len)
def test_a_digest_is_that_of_the_whole_content(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert Digests().of(tmp_path / "x") == sha256(content)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"weights")
    (tmp_path / "link").symlink_to("x")
    reads: list[str] = []
    digests = Digests()

    def report(activity: str = "", *, expected_s: float = 0.0) -> None:
        reads.append(activity)

    assert {digests.of(tmp_path / name, report) for name in ("x", "x", "link")} == {sha256(b"weights")}
    assert reads == ["computing the digest of x"]


def test_a_change_that_keeps_size_and_time_is_noticed(tmp_path: Path) -> None:
    path, digests = tmp_path / "x", Digests()
    path.write_bytes(b"weights")
    before = path.stat()
    digests.of(path)
    path.write_bytes(b"Weights")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.of(path) == sha256(b"Weights")


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    path, digests = tmp_path / "x", Digests()
    path.write_bytes(b"weights")

    def report(activity: str = "", *, expected_s: float = 0.0) -> None:
        path.write_bytes(b"longer weights")

    digests.of(path, report)
    path.write_bytes(b"others")
    assert digests.of(path) == sha256(b"others")


def test_a_report_that_raises_ends_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"weights")

    def report(activity: str = "", *, expected_s: float = 0.0) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Digests().of(tmp_path / "x", report)
