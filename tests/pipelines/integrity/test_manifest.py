"""Manifests have the format of sha256sum."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipelines.errors import ManifestError
from pipelines.integrity import manifest
from pipelines.integrity.digests import Digests
from tests.harness.programs.finding import find_program

A, B = "a" * 64, "b" * 64


def test_paths_are_relative_to_the_manifests_folder_or_absolute(tmp_path: Path) -> None:
    listed = manifest.parse(f"{A}  unet/x\n{B} */models/y\n", tmp_path / "m.sha256")
    assert listed.find(tmp_path / "unet/x") == A
    assert listed.find(tmp_path / "vae/../unet/x") == A
    assert listed.find(Path("/models/y")) == B
    assert listed.find(tmp_path / "x") is None


def test_a_link_to_a_listed_file_is_not_listed_by_that(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").symlink_to(tmp_path)
    listed = manifest.parse(f"{A}  {tmp_path / 'real'}\n", tmp_path / "m")
    assert listed.find(tmp_path / "real") == A
    assert listed.find(tmp_path / "link") is None
    assert listed.find(tmp_path / "folder" / "real") is None


def test_empty_lines_and_comments_are_left_out(tmp_path: Path) -> None:
    text = f"# reviewed in May\r\n\r\n{A.upper()}  x\r\n{A}  x\n"
    assert manifest.parse(text, tmp_path / "m").digests == {str(tmp_path / "x"): A}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x", "must be a SHA-256 of 64 hexadecimal digits, two spaces and a path"),
        (f"{A[1:]}  x", "must be a SHA-256"),
        (f"{A[1:]}g  x", "must be a SHA-256"),
        (f"{A} x", "must be a SHA-256"),
        (f"{A}  ", "must be a SHA-256"),
        (f"SHA256 (x) = {A}", "must be a SHA-256"),
        (rf"\{A}  a\tb", "the path has a backslash before something else"),
        (f"{B}  first", "first is listed before with another digest"),
    ],
)
def test_a_malformed_line_is_named_by_its_number(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "m.sha256"
    with pytest.raises(ManifestError, match=f"^{re.escape(str(path))}, line 3: {re.escape(said)}"):
        manifest.parse(f"{A}  first\n\n{line}\n", path)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["a b", "back\\slash", "two\nlines", "é"])
def test_a_rendered_manifest_is_what_sha256sum_writes(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"weights")
    rendered = manifest.render({tmp_path / name: Digests().of(tmp_path / name)}, tmp_path)
    command = (find_program("sha256sum"), "--", name)
    assert rendered.encode() == subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout
    assert manifest.parse(rendered, tmp_path / "m").find(tmp_path / name) is not None


def test_files_below_the_folder_are_relative_and_others_absolute(tmp_path: Path) -> None:
    files = {tmp_path / "models/z": B, tmp_path / "models/a": A, Path("/elsewhere/x"): A}
    assert manifest.render(files, tmp_path / "models") == f"{A}  /elsewhere/x\n{A}  a\n{B}  z\n"
