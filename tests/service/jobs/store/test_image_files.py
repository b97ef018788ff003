"""Image files are stored off the event loop, and failures of the disk make the store unavailable until it works."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.errors import StoreUnavailableError
from service.ids import new_job_id
from service.images.storage import ImageFolder
from service.jobs.store.image_files import ImageFiles

JOB = new_job_id()


class Maker:
    """Makes thumbnails when it is let go, and counts them."""

    def __init__(self) -> None:
        self.made = 0
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, file: bytes) -> bytes:
        self.made += 1
        self.begun.set()
        await self.go.wait()
        return b"small " + file


class ReadOnlyForThumbnails(ImageFolder):
    def put_thumbnail(self, job_id: str, index: int, data: bytes, *, attempt: int = 1) -> None:
        raise OSError(28, "No space left on device")


def break_disk(root: Path) -> None:
    """Puts a file where the image folder should be, so that every access fails."""
    root.write_text("not a folder")


def repair_disk(root: Path) -> None:
    root.unlink()


def make_old(root: Path) -> None:
    for folder in root.glob("??/*"):
        os.utime(folder, (0, 0))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
async def files(root: Path) -> AsyncIterator[ImageFiles]:
    files = ImageFiles(ImageFolder(root))
    yield files
    files.close()


async def test_a_stored_file_is_read_back_and_its_digest_returned(files: ImageFiles) -> None:
    digest = await files.put(JOB, 0, "image/png", b"image", attempt=2)

    assert digest == hashlib.sha256(b"image").hexdigest()
    assert await files.read(JOB, 0, "image/png", attempt=2) == b"image"


async def test_a_missing_file_is_not_found_and_no_failure_of_the_disk(files: ImageFiles) -> None:
    with pytest.raises(FileNotFoundError):
        await files.read(JOB, 0, "image/png")

    assert files.available


async def test_a_deleted_job_has_no_files(files: ImageFiles) -> None:
    await files.put(JOB, 0, "image/png", b"image")
    await files.delete(JOB)

    with pytest.raises(FileNotFoundError):
        await files.read(JOB, 0, "image/png")


async def test_a_failed_write_makes_the_store_unavailable_until_a_write_succeeds(files: ImageFiles, root: Path) -> None:
    break_disk(root)
    with pytest.raises(StoreUnavailableError) as refused:
        await files.put(JOB, 0, "image/png", b"image")
    assert refused.value.retry_after_s is not None
    assert not files.available
    with pytest.raises(StoreUnavailableError):
        await files.probe()

    repair_disk(root)
    await files.probe()

    assert files.available


async def test_an_error_message_does_not_show_the_path(files: ImageFiles, root: Path) -> None:
    break_disk(root)

    with pytest.raises(StoreUnavailableError) as refused:
        await files.read(JOB, 0, "image/png")

    assert str(root) not in refused.value.message


async def test_a_thumbnail_of_an_image_that_is_deleted_meanwhile_is_no_failure_of_the_disk(files: ImageFiles) -> None:
    await files.put(JOB, 0, "image/png", b"image")
    maker = Maker()
    asked = asyncio.create_task(files.thumbnail(JOB, 0, "image/png", maker))
    await maker.begun.wait()
    await files.delete(JOB)
    with capture_logs() as lines:
        maker.go.set()
        assert await asked == b"small image"

    assert files.available
    assert lines == []


async def test_old_jobs_are_listed(files: ImageFiles, root: Path) -> None:
    await files.put(JOB, 0, "image/png", b"image")
    assert await files.jobs_older_than(3600.0) == []

    make_old(root)

    assert await files.jobs_older_than(3600.0) == [JOB]


async def test_files_are_stored_concurrently(files: ImageFiles) -> None:
    await asyncio.gather(*(files.put(JOB, index, "image/png", bytes([index])) for index in range(20)))

    assert [await files.read(JOB, index, "image/png") for index in range(20)] == [bytes([index]) for index in range(20)]


async def test_a_thumbnail_is_made_once_for_all_who_ask_at_once_and_later(files: ImageFiles, root: Path) -> None:
    await files.put(JOB, 0, "image/png", b"image", attempt=2)
    maker = Maker()
    asked = [asyncio.create_task(files.thumbnail(JOB, 0, "image/png", maker, attempt=2)) for _ in range(3)]
    maker.go.set()

    assert await asyncio.gather(*asked) == [b"small image"] * 3
    later = ImageFiles(ImageFolder(root))
    assert await later.thumbnail(JOB, 0, "image/png", maker, attempt=2) == b"small image"
    assert await later.thumbnail_size_bytes(JOB, 0, attempt=2) == len(b"small image")
    assert maker.made == 1
    later.close()


async def test_one_who_leaves_takes_the_thumbnail_from_nobody(files: ImageFiles) -> None:
    await files.put(JOB, 0, "image/png", b"image")
    maker = Maker()
    first = asyncio.create_task(files.thumbnail(JOB, 0, "image/png", maker))
    second = asyncio.create_task(files.thumbnail(JOB, 0, "image/png", maker))
    await maker.begun.wait()

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    maker.go.set()

    assert await second == b"small image"
    assert maker.made == 1


async def test_a_missing_image_has_no_thumbnail_until_it_is_there(files: ImageFiles) -> None:
    maker = Maker()
    maker.go.set()
    assert await files.thumbnail_size_bytes(JOB, 0) is None
    with pytest.raises(FileNotFoundError):
        await files.thumbnail(JOB, 0, "image/png", maker)

    await files.put(JOB, 0, "image/png", b"image")

    assert await files.thumbnail(JOB, 0, "image/png", maker) == b"small image"


async def test_a_thumbnail_that_cannot_be_stored_is_sent_all_the_same(root: Path) -> None:
    files = ImageFiles(ReadOnlyForThumbnails(root))
    await files.put(JOB, 0, "image/png", b"image")
    maker = Maker()
    maker.go.set()

    assert [await files.thumbnail(JOB, 0, "image/png", maker) for _ in range(2)] == [b"small image"] * 2
    assert maker.made == 2
    files.close()
