"""Uploads are stored before they are recorded, read as pixels, and leave no files behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from pipelines.params import PixelKey
from service.errors import GenerationFailedError, NotFoundError, QueueFullError
from service.images.inputs.raster import InputFile, Raster, encode_raster
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.uploads import Uploads
from tests.harness.engine.worker_harness import Clock
from tests.harness.sample_jobs import KEEP_S, make_job, make_uploads

MAX_BYTES = 1000


def make(color: int = 0, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> InputFile:
    return encode_raster(Raster(Image.new("L", size, color).convert(mode)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def uploads(database: Database, tmp_path: Path, clock: Clock) -> AsyncIterator[Uploads]:
    uploads = make_uploads(database, tmp_path, clock=clock, max_bytes=MAX_BYTES)
    yield uploads
    uploads.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in folder.glob("??/*.png"))


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("??/*.png")
    return path


async def test_an_upload_is_read_back_by_its_tenant(uploads: Uploads, clock: Clock) -> None:
    file = make(7)
    upload = await uploads.add("alice", file)

    assert (upload.sha256, upload.width, upload.kept_until) == (file.sha256, 8, clock.now_s + KEEP_S)
    assert (await uploads.read("alice", file.sha256)).image.getpixel((0, 0)) == (7, 7, 7)
    for tenant, digest in (("bob", file.sha256), ("alice", "0" * 64)):
        with pytest.raises(NotFoundError, match=r"^There is no such upload\.$"):
            await uploads.read(tenant, digest)


async def test_the_same_upload_again_is_stored_once(uploads: Uploads, tmp_path: Path) -> None:
    for _ in range(3):
        await uploads.add("alice", make())
    assert files(tmp_path) == [make().sha256]


async def test_its_pixels_come_at_the_size_that_is_asked_for(uploads: Uploads) -> None:
    image, mask = make(9), make(255, mode="L")
    for file in (image, mask):
        await uploads.add("alice", file)
    keys = [PixelKey(image.sha256, 8, 8), PixelKey(mask.sha256, 16, 8), PixelKey(image.sha256, 8, 8)]
    pixels = await uploads.pixels("alice", keys)

    assert pixels[keys[0]].pixels == bytes([9]) * 192
    assert (pixels[keys[1]].width, pixels[keys[1]].channels, pixels[keys[1]].pixels) == (16, 1, bytes([255]) * 128)


async def test_a_job_whose_input_is_missing_or_damaged_fails(uploads: Uploads, tmp_path: Path) -> None:
    file = make()
    await uploads.add("alice", file)
    path = only_file(tmp_path)
    for spoil in (lambda: path.write_bytes(b"PNG"), path.unlink):
        spoil()
        with pytest.raises(GenerationFailedError, match="not stored any more"):
            await uploads.pixels("alice", [PixelKey(file.sha256, 8, 8)])


async def test_staged_files_stay_only_where_they_were_recorded(
    uploads: Uploads, database: Database, repository: JobRepository, tmp_path: Path
) -> None:
    kept, dropped = make(1), make(2)
    async with uploads.staged([dropped, dropped]) as staged:
        assert len(staged) == 1
        assert files(tmp_path) == [dropped.sha256]
    assert files(tmp_path) == []

    async with uploads.staged([kept]) as staged:
        await repository.create(make_job(), now=1.0, starts_from=staged)
    assert files(tmp_path) == [kept.sha256]

    with pytest.raises(QueueFullError):
        async with uploads.staged([dropped]):
            raise QueueFullError("The job queue is full.")
    assert files(tmp_path) == [kept.sha256]


async def test_nothing_is_stored_beyond_the_bound(uploads: Uploads, tmp_path: Path) -> None:
    size_bytes = max(len(make(color).data) for color in range(256))
    stored = [await uploads.add("alice", make(color)) for color in range(MAX_BYTES // size_bytes)]
    assert 0 < sum(upload.size_bytes for upload in stored) == await uploads.total_bytes() <= MAX_BYTES
    with pytest.raises(QueueFullError, match="no room"):
        await uploads.add("bob", make(255, size=(64, 64)))
    assert files(tmp_path) == sorted(upload.sha256 for upload in stored)
    async with uploads.staged([]):
        pass


async def test_deleting_an_upload_that_a_job_needs_leaves_it_to_the_job(
    uploads: Uploads, repository: JobRepository, tmp_path: Path
) -> None:
    file, job = make(), make_job()
    await uploads.add("alice", file)
    async with uploads.staged([file]) as staged:
        await repository.create(job, now=1.0, starts_from=staged)
    await uploads.delete("alice", file.sha256)
    assert files(tmp_path) == [file.sha256]

    await repository.delete(job.id, "alice")
    await uploads.delete_unused()
    assert files(tmp_path) == []
    with pytest.raises(NotFoundError):
        await uploads.delete("alice", file.sha256)


async def test_files_of_no_upload_are_deleted_once_they_are_old(uploads: Uploads, tmp_path: Path) -> None:
    await uploads.add("alice", make(1))
    path = only_file(tmp_path)
    orphan = path.with_name(f"{path.name.partition('.')[0]}.{'0' * 32}.png")
    orphan.write_bytes(b"x")

    await uploads.delete_orphans(3600.0)
    assert orphan.exists()
    await uploads.delete_orphans(-1.0)
    assert not orphan.exists()
    assert path.exists()
