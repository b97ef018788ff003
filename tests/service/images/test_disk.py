"""A file is stored whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from service.images import disk
from service.images.disk import add_file, store_file


def deleting_first(folder: Path, work: Callable[..., None], *, times: int) -> Callable[..., None]:
    """Returns `work`, which has the folder deleted before each of its first calls."""
    left = times

    def delete_and_work(*arguments: object) -> None:
        nonlocal left
        if left:
            left -= 1
            shutil.rmtree(folder)
        work(*arguments)

    return delete_and_work


def test_a_file_replaces_an_earlier_one_in_a_folder_that_is_made(tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        store_file(tmp_path / "a" / "b", "x.png", data)
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "a" / "b").iterdir()] == [("x.png", b"two")]


def test_only_the_owner_can_read_what_is_stored(tmp_path: Path) -> None:
    store_file(tmp_path / "a" / "b", "x.png", b"one")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "a").rglob("*")}
    assert modes == {"b": 0o700, "x.png": 0o600}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_a_failure_leaves_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.png" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"directory|Is a"):
        store_file(tmp_path, "x.png", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_a_file_is_added_only_to_a_folder_that_is_there(tmp_path: Path) -> None:
    add_file(tmp_path, "x.png", b"one")
    assert (tmp_path / "x.png").read_bytes() == b"one"
    with pytest.raises(FileNotFoundError):
        add_file(tmp_path / "a", "x.png", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


@pytest.mark.parametrize("step", ["write_file", "sync_folder"])
def test_a_folder_that_is_deleted_while_a_file_is_stored_is_made_again(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    monkeypatch.setattr(disk, step, deleting_first(folder, getattr(disk, step), times=1))

    store_file(folder, "x.png", b"one")

    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("x.png", b"one")]


def test_a_folder_that_is_deleted_again_and_again_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "write_file", deleting_first(tmp_path / "a", disk.write_file, times=100))
    with pytest.raises(FileNotFoundError):
        store_file(tmp_path / "a", "x.png", b"one")
