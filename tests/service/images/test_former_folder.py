"""The image folder of an earlier release, which had another name, is renamed once by one of several servers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.images.storage import ImageFolder, rename_former_folder

JOB = "job_" + "a2" * 13


def test_the_folder_of_an_earlier_release_is_renamed(folder: ImageFolder, root: Path) -> None:
    ImageFolder(root.with_name("pictures")).put(JOB, 0, "image/png", b"image")

    rename_former_folder(root)
    rename_former_folder(root)

    assert folder.read(JOB, 0, "image/png") == b"image"
    assert not root.with_name("pictures").exists()


def test_a_folder_named_pictures_stays_where_an_image_folder_exists(folder: ImageFolder, root: Path) -> None:
    folder.put(JOB, 0, "image/png", b"image")
    ImageFolder(root.with_name("pictures")).put(JOB, 0, "image/png", b"another image")

    rename_former_folder(root)

    assert folder.read(JOB, 0, "image/png") == b"image"
    assert ImageFolder(root.with_name("pictures")).read(JOB, 0, "image/png") == b"another image"


def test_a_new_data_folder_has_nothing_to_rename(root: Path) -> None:
    rename_former_folder(root)

    assert not root.exists()


def test_servers_that_start_together_rename_the_folder_once(tmp_path: Path) -> None:
    starters = 8
    roots = [tmp_path / str(number) / "images" for number in range(50)]
    barrier = threading.Barrier(starters)

    def start() -> None:
        for root in roots:
            barrier.wait()
            rename_former_folder(root)

    for root in roots:
        ImageFolder(root.with_name("pictures")).put(JOB, 0, "image/png", b"image")
    with ThreadPoolExecutor(starters) as pool:
        for started in [pool.submit(start) for _ in range(starters)]:
            started.result()

    assert [ImageFolder(root).read(JOB, 0, "image/png") for root in roots] == [b"image"] * len(roots)


def test_a_folder_that_cannot_be_renamed_says_what_to_do(root: Path) -> None:
    ImageFolder(root.with_name("pictures")).put(JOB, 0, "image/png", b"image")
    root.symlink_to("a disk that is not mounted")

    with pytest.raises(OSError, match=rf"{root.with_name('pictures')} to {root}.*move it yourself"):
        rename_former_folder(root)
