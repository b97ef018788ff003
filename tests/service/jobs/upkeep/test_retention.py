"""Retention deletes expired jobs, the oldest jobs over the size limit, expired keys and orphaned files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, func, select

from service.errors import GoneError, NotFoundError, StoreUnavailableError
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.records import JobRecord, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import idempotency_keys
from service.jobs.upkeep.retention import Retention, RetentionConfig
from tests.harness.engine.worker_harness import Clock
from tests.harness.sample_jobs import KEEP_S, make_image, make_job, make_uploads

DAY_S = 86400.0
MAX_UPLOAD_BYTES = 1 << 20


class WatchedFiles(ImageFiles):
    """Calls `after_delete` after each deletion."""

    after_delete: Callable[[], Awaitable[None]] | None = None

    async def delete(self, job_id: str) -> None:
        await super().delete(job_id)
        if self.after_delete is not None:
            await self.after_delete()


class RetentionHarness:
    """Makes jobs with image files for a retention that keeps at most 100 bytes of images."""

    def __init__(self, database: Database, repository: JobRepository, claims: JobClaims, images: Path) -> None:
        self.clock = Clock()
        self.files = WatchedFiles(ImageFolder(images))
        self.uploads = make_uploads(database, images.with_name("uploads"), clock=self.clock, max_bytes=MAX_UPLOAD_BYTES)
        self.checkpoints = JobCheckpoints(images.with_name("checkpoints"), every_steps=0)
        self._database = database
        self.believe_by(self.clock)
        self.repository = repository
        self._claims = claims
        self._images = images

    def believe_by(self, steady: Clock) -> None:
        """Sets the clock that the harness's own is compared with: itself, unless a test needs another."""
        self.retention = Retention(
            self._database,
            self.files,
            self.uploads,
            self.checkpoints,
            RetentionConfig(max_image_bytes=100, every_s=0.001),
            clock=self.clock,
            steady=steady,
        )

    async def make_job(self, *, size_bytes: int = 10, ended_at: float | None = None, key: str | None = None) -> str:
        """Returns the id of a new job with an image. Without `ended_at` the job goes on running."""
        idempotency = None if key is None else IdempotencyKey(key, "", lifetime_s=ended_at or DAY_S)
        record, _ = await self.repository.create(make_job(), now=0.0, idempotency=idempotency)
        (claim,) = await self._claims.claim("one", now=0.0, limit=1)
        await self.files.put(record.id, 0, "image/png", bytes(size_bytes))
        await self._claims.add_image(claim, make_image(size_bytes=size_bytes))
        if ended_at is not None:
            await self._claims.finish(claim, Status.SUCCEEDED, version=9, now=ended_at)
        return record.id

    async def exist(self, *job_ids: str) -> list[bool]:
        """Returns whether each job exists, and checks that its file exists if and only if the record does."""
        exist = [await self._get(job_id) is not None for job_id in job_ids]
        assert exist == [await self.has_file(job_id) for job_id in job_ids]
        return exist

    async def make_deletion_fail(self, job_id: str) -> None:
        """Puts a file where the folder of the job should be, so that deleting the folder fails."""
        await self.files.delete(job_id)
        (folder,) = self._images.glob("*")
        (folder / job_id).write_text("not a folder")

    async def has_file(self, job_id: str) -> bool:
        try:
            await self.files.read(job_id, 0, "image/png")
        except FileNotFoundError:
            return False
        return True

    async def has_failed(self) -> bool:
        """Lets other tasks run, and returns whether a write to the disk has failed."""
        await asyncio.sleep(0)
        return not self.files.available

    async def count_keys(self) -> int:
        counting = select(func.count()).select_from(idempotency_keys)
        return int(await self._database.read(lambda connection: connection.execute(counting).scalar_one()))

    async def _get(self, job_id: str) -> JobRecord | None:
        with contextlib.suppress(NotFoundError):
            return await self.repository.get(job_id, None)
        return None


def age_folders(images: Path, *, but: str) -> None:
    """Makes the folders of all jobs but one look old."""
    for folder in images.glob("*/*"):
        if folder.name != but:
            os.utime(folder, (0, 0))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
async def harness(
    database: Database, repository: JobRepository, claims: JobClaims, images: Path
) -> AsyncIterator[RetentionHarness]:
    harness = RetentionHarness(database, repository, claims, images)
    yield harness
    harness.files.close()
    harness.uploads.close()


async def test_an_expired_job_is_deleted_with_its_files(harness: RetentionHarness) -> None:
    first, second, running = [await harness.make_job(ended_at=ended_at) for ended_at in (1.0, 2.0, None)]
    harness.clock.now_s = KEEP_S + 1.5

    await harness.retention.sweep()

    assert await harness.exist(first, second, running) == [False, True, True]


async def test_a_sweep_ends_although_new_jobs_keep_exceeding_the_limit(harness: RetentionHarness) -> None:
    await harness.make_job(size_bytes=101, ended_at=1.0, key="first")
    later = []

    async def make_another() -> None:
        later.append(await harness.make_job(size_bytes=101, ended_at=2.0))

    harness.files.after_delete = make_another
    harness.clock.now_s = 2.0

    async with asyncio.timeout(60):
        await harness.retention.sweep()

    assert await harness.exist(*later) == [True]
    assert await harness.count_keys() == 0


async def test_the_jobs_that_ended_first_are_deleted_where_images_exceed_the_limit(harness: RetentionHarness) -> None:
    ends = (3.0, 1.0, 2.0)
    third, first, second = [await harness.make_job(size_bytes=50, ended_at=ended_at) for ended_at in ends]

    await harness.retention.sweep()

    assert await harness.exist(first, second, third) == [False, True, True]


async def test_a_running_job_keeps_its_images_however_large_they_are(harness: RetentionHarness) -> None:
    running, ended = await harness.make_job(size_bytes=500), await harness.make_job(size_bytes=1, ended_at=1.0)

    await harness.retention.sweep()

    assert await harness.exist(running, ended) == [True, False]


async def test_images_that_just_fit_the_limit_stay(harness: RetentionHarness) -> None:
    jobs = [await harness.make_job(size_bytes=50, ended_at=1.0) for _ in range(2)]

    await harness.retention.sweep()

    assert await harness.exist(*jobs) == [True, True]


async def test_an_expired_key_is_deleted_once_its_job_is_gone(harness: RetentionHarness) -> None:
    await harness.make_job(ended_at=1.0, key="of the deleted job")
    await harness.make_job(ended_at=KEEP_S, key="of the kept job")
    harness.clock.now_s = KEEP_S + 2.0

    await harness.retention.sweep()

    assert await harness.count_keys() == 1


async def test_a_key_that_has_not_expired_outlives_its_job(
    harness: RetentionHarness, repository: JobRepository
) -> None:
    key = IdempotencyKey("key", "", lifetime_s=DAY_S)
    job, _ = await repository.create(make_job(), now=0.0, idempotency=key)
    await repository.delete(job.id, "alice")

    await harness.retention.sweep()

    with pytest.raises(GoneError):
        await repository.create(make_job(), now=harness.clock(), idempotency=key)


async def test_old_files_without_a_record_are_deleted(
    harness: RetentionHarness, repository: JobRepository, images: Path
) -> None:
    known, young, old = [await harness.make_job() for _ in range(3)]
    for job_id in (young, old):
        await repository.delete(job_id, "alice")
    foreign = images / "xx" / "job_of_somebody_else"
    foreign.mkdir(parents=True)
    age_folders(images, but=young)

    await harness.retention.delete_orphans()

    assert [await harness.has_file(job_id) for job_id in (known, young, old)] == [True, True, False]
    assert foreign.exists(), "only folders named like a job are deleted"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_sweep_raises_an_error_where_the_database_is_locked(harness: RetentionHarness, url: URL) -> None:
    expired = await harness.make_job(ended_at=0.0)
    harness.clock.now_s = KEEP_S + 1.0
    assert url.database is not None
    with contextlib.closing(sqlite3.connect(url.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailableError):
            await harness.retention.sweep()

    assert await harness.exist(expired) == [True]


async def test_a_sweep_raises_an_error_where_files_cannot_be_deleted(harness: RetentionHarness) -> None:
    await harness.make_deletion_fail(await harness.make_job(ended_at=0.0))
    harness.clock.now_s = KEEP_S + 1.0

    with pytest.raises(StoreUnavailableError):
        await harness.retention.sweep()

    assert not harness.files.available


async def test_sweeps_continue_after_one_has_failed(harness: RetentionHarness) -> None:
    await harness.make_deletion_fail(await harness.make_job(ended_at=0.0))
    harness.clock.now_s = KEEP_S + 1.0
    loop = asyncio.create_task(harness.retention.run())
    while not await harness.has_failed():
        assert not loop.done()

    expired = await harness.make_job(ended_at=0.0)
    while await harness.has_file(expired):
        assert not loop.done()

    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
