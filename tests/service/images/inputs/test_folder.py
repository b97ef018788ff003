"""Input files are found by their names, and other files of the folder are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.images.inputs.folder import InputFolder, InputName

NAME = InputName("ab" * 32, "0f" * 16)


def test_a_file_is_stored_read_and_deleted(tmp_path: Path) -> None:
    folder = InputFolder(tmp_path / "uploads")
    folder.put(NAME, b"one")
    folder.put(NAME, b"two")

    assert folder.read(NAME) == b"two"
    assert [path.name for path in (tmp_path / "uploads" / "ab").iterdir()] == [f"{'ab' * 32}.{'0f' * 16}.png"]
    folder.delete(NAME)
    folder.delete(NAME)
    with pytest.raises(FileNotFoundError):
        folder.read(NAME)


def test_old_files_are_found_and_what_is_none_of_them_is_not(tmp_path: Path) -> None:
    folder = InputFolder(tmp_path)
    assert list(folder.older_than(0)) == []
    folder.put(NAME, b"one")
    (tmp_path / "ab" / "other.png").write_bytes(b"x")
    (tmp_path / "ab" / "half.partial").write_bytes(b"x")

    assert list(folder.older_than(-1)) == [NAME]
    assert list(folder.older_than(3600)) == []


@pytest.mark.parametrize("name", [InputName("../etc", "0" * 32), InputName("a" * 64, "../../x"), InputName("", "")])
def test_a_name_that_the_server_did_not_make_never_becomes_a_path(name: InputName, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        InputFolder(tmp_path).read(name)
