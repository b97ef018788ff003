"""Image files are written atomically, are on disk when `put` returns, and stay under their root folder."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.ids import new_job_id
from service.images.storage import ImageFolder
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program

JOB = "job_" + "a2" * 13
FILE = f"a2/{JOB}/0.png"

PUT = """
import sys
from pathlib import Path
from service.images.storage import ImageFolder
ImageFolder(Path(sys.argv[1])).put(sys.argv[2], 0, "image/png", b"new" * 100_000)
"""


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def put_under_strace(root: Path, *options: str) -> tuple[int, str]:
    """Stores an image in a process under strace. Returns its exit status and the log of the traced system calls."""
    log = root.parent / "strace.log"
    log.parent.mkdir(exist_ok=True)
    strace = find_program("strace")
    process = subprocess.run(
        [strace, "-f", "-y", "-qq", "-o", log, *options, sys.executable, "-B", "-c", PUT, root, JOB],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    return process.returncode, log.read_text()


def test_an_image_is_read_as_it_was_stored(folder: ImageFolder) -> None:
    folder.put(JOB, 0, "image/png", b"first")
    folder.put(JOB, 1, "image/webp", b"second")

    assert folder.read(JOB, 0, "image/png") == b"first"
    assert folder.read(JOB, 1, "image/webp") == b"second"


def test_an_image_that_was_never_stored_is_not_found(folder: ImageFolder) -> None:
    with pytest.raises(FileNotFoundError):
        folder.read(JOB, 0, "image/png")


def test_an_image_stored_again_replaces_the_first(folder: ImageFolder, root: Path) -> None:
    folder.put(JOB, 0, "image/png", b"first, and longer")
    folder.put(JOB, 0, "image/png", b"second")

    assert folder.read(JOB, 0, "image/png") == b"second"
    assert files(root) == [FILE]


def test_no_attempt_overwrites_the_image_of_another(folder: ImageFolder, root: Path) -> None:
    folder.put(JOB, 0, "image/png", b"second", attempt=2)
    folder.put(JOB, 0, "image/png", b"late", attempt=1)

    assert folder.read(JOB, 0, "image/png", attempt=2) == b"second"
    folder.delete(JOB)
    assert files(root) == []


def test_each_attempt_has_its_own_thumbnail_beside_its_image(folder: ImageFolder, root: Path) -> None:
    folder.put(JOB, 0, "image/webp", b"image", attempt=2)
    for read in (folder.read_thumbnail, folder.thumbnail_size_bytes):
        with pytest.raises(FileNotFoundError):
            read(JOB, 0, attempt=2)

    folder.put_thumbnail(JOB, 0, b"of the second", attempt=2)
    folder.put_thumbnail(JOB, 0, b"of the first")

    assert folder.read_thumbnail(JOB, 0, attempt=2) == b"of the second"
    assert folder.thumbnail_size_bytes(JOB, 0) == len(b"of the first")
    assert folder.read(JOB, 0, "image/webp", attempt=2) == b"image"
    folder.delete(JOB)
    assert files(root) == []


def test_a_late_thumbnail_brings_back_no_folder_of_a_deleted_job(folder: ImageFolder, root: Path) -> None:
    folder.put(JOB, 0, "image/png", b"image")
    folder.delete(JOB)

    with pytest.raises(FileNotFoundError):
        folder.put_thumbnail(JOB, 0, b"thumbnail")

    assert list(root.glob("??/*")) == []


def test_a_media_type_that_cannot_be_stored_leaves_nothing(folder: ImageFolder, root: Path) -> None:
    with pytest.raises(KeyError):
        folder.put(JOB, 0, "text/html", b"<script>")

    assert files(root) == []


def test_deleting_one_image_leaves_the_other_ones_of_its_job(folder: ImageFolder) -> None:
    for attempt in (1, 2):
        folder.put(JOB, 0, "image/png", b"image", attempt=attempt)

    for _ in range(2):
        folder.delete_one(JOB, 0, "image/png", attempt=1)

    with pytest.raises(FileNotFoundError):
        folder.read(JOB, 0, "image/png", attempt=1)
    assert folder.read(JOB, 0, "image/png", attempt=2) == b"image"


def test_the_folder_goes_with_its_last_image(folder: ImageFolder, root: Path) -> None:
    for index in (0, 1):
        folder.put(JOB, index, "image/png", b"image")
    remaining = []
    for index in (0, 1, 1):
        folder.delete_one(JOB, index, "image/png")
        remaining.append(list(root.glob("??/*")))

    assert remaining == [[(root / FILE).parent], [], []]


def test_deleting_a_job_deletes_its_images_and_no_others(folder: ImageFolder, root: Path) -> None:
    other = new_job_id()
    for job_id in (JOB, other):
        folder.put(job_id, 0, "image/png", b"image")
        folder.put(job_id, 1, "image/jpeg", b"image")

    folder.delete(JOB)
    folder.delete(JOB)

    assert not (root / FILE).parent.exists()
    assert folder.read(other, 1, "image/jpeg") == b"image"


@pytest.mark.parametrize(
    "job_id", ["", ".", "..", "../" + JOB, JOB + "/..", "/etc", JOB.upper(), JOB + "\n", JOB[:-1], "job_" + "²" * 26]
)
def test_text_that_is_no_job_id_never_becomes_a_path(folder: ImageFolder, root: Path, job_id: str) -> None:
    with pytest.raises(AssertionError):
        folder.put(job_id, 0, "image/png", b"image")
    with pytest.raises(AssertionError):
        folder.read(job_id, 0, "image/png")
    with pytest.raises(AssertionError):
        folder.delete(job_id)

    assert not root.exists()


def test_new_ids_are_accepted(folder: ImageFolder) -> None:
    for _ in range(50):
        folder.put(job_id := new_job_id(), 0, "image/png", b"image")
        assert folder.read(job_id, 0, "image/png") == b"image"


def test_old_jobs_are_those_whose_folders_have_not_changed_for_long(folder: ImageFolder, root: Path) -> None:
    old, young = new_job_id(), new_job_id()
    for job_id in (old, young):
        folder.put(job_id, 0, "image/png", b"image")
    (foreign := root / "aa" / "job_of_another_program").mkdir(parents=True)
    for path in (foreign, *root.glob(f"??/{old}")):
        os.utime(path, (0, 0))

    assert list(folder.jobs_older_than(3600.0)) == [old]


def test_an_empty_folder_has_no_old_jobs(folder: ImageFolder) -> None:
    assert list(folder.jobs_older_than(0.0)) == []


def test_a_probe_leaves_no_file(folder: ImageFolder, root: Path) -> None:
    folder.probe()

    assert root.is_dir()
    assert files(root) == []


def test_a_probe_fails_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("not a folder")

    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        ImageFolder(tmp_path / "images").probe()


@pytest.mark.integration
def test_an_image_is_synced_before_its_name_and_its_name_before_put_returns(root: Path) -> None:
    status, log = put_under_strace(root, "-e", "trace=write,fsync,/^rename,/^mkdir")

    assert status == 0
    base = str(root.parent)
    calls = [
        (match[1], match[2].removeprefix(base).lstrip("/"))
        for line in log.splitlines()
        if (match := re.search(rf'(write|fsync|rename|mkdir)\w*\(.*?["<]({re.escape(base)}[^">]*)', line))
    ]
    partial = calls[6][1]
    assert calls == [
        ("mkdir", "images"),
        ("fsync", ""),
        ("mkdir", "images/a2"),
        ("fsync", "images"),
        ("mkdir", f"images/a2/{JOB}"),
        ("fsync", "images/a2"),
        ("write", partial),
        ("fsync", partial),
        ("rename", partial),
        ("fsync", f"images/a2/{JOB}"),
    ]
    assert re.fullmatch(rf"images/a2/{JOB}/0\.\w+\.partial", partial)


@pytest.mark.integration
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_a_failed_sync_leaves_a_whole_image_or_none(root: Path, call: int) -> None:
    status, _ = put_under_strace(root, "-e", f"inject=fsync:error=EIO:when={call}")

    assert status != 0, "put raises"
    assert files(root) in ([], [FILE])
    assert all((root / name).read_bytes() == b"new" * 100_000 for name in files(root))


@pytest.mark.integration
def test_an_image_that_does_not_fit_leaves_the_earlier_one(folder: ImageFolder, root: Path) -> None:
    folder.put(JOB, 0, "image/png", b"old")

    status, _ = put_under_strace(root, "-e", "inject=write:error=ENOSPC:when=1")

    assert status != 0
    assert files(root) == [FILE]
    assert folder.read(JOB, 0, "image/png") == b"old"


def test_a_job_can_be_deleted_while_images_are_being_stored(folder: ImageFolder, root: Path) -> None:
    def put_repeatedly() -> None:
        for index in range(60):
            with contextlib.suppress(FileNotFoundError):
                folder.put(JOB, index, "image/png", b"image")

    with ThreadPoolExecutor(1) as pool:
        putting = pool.submit(put_repeatedly)
        while not putting.done():
            folder.delete(JOB)
    assert putting.exception() is None
    folder.delete(JOB)

    assert files(root) == []
