"""What is deleted, in which order, and what never is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL, func, insert, select

from service.errors import GoneError, NotFoundError, StoreUnavailableError
from service.images.storage import ImageFolder
from service.jobs.records import JobRecord, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import IdempotencyKey, JobRepository
from service.jobs.store.row_mapping import new_job_row
from service.jobs.store.tables import idempotency_keys, jobs
from service.jobs.upkeep.retention import Retention, RetentionConfig
from tests.harness.sample_jobs import KEEP_S, make_image, make_job
from tests.harness.worker_harness import Clock

DAY_S = 86400.0


class Keeper:
    """Jobs whose images have files, and the retention that looks after them; at most 100 bytes are kept."""

    def __init__(self, database: Database, repository: JobRepository, claims: JobClaims, images: Path) -> None:
        self.clock = Clock()
        self.files = ImageFiles(ImageFolder(images))
        self.retention = Retention(
            database, self.files, RetentionConfig(max_image_bytes=100, every_s=0.001), clock=self.clock
        )
        self._database = database
        self._repository = repository
        self._claims = claims
        self._images = images

    async def make(self, *, size_bytes: int = 10, ended_at: float | None = None, key: str | None = None) -> str:
        """A job with an image; it runs for ever where it does not end."""
        bound = None if key is None else IdempotencyKey(key, "", lifetime_s=ended_at or DAY_S)
        record, _ = await self._repository.create(make_job(), now=0.0, idempotency=bound)
        (claim,) = await self._claims.claim("one", now=0.0, limit=1)
        await self.files.put(record.id, 0, "image/png", bytes(size_bytes))
        await self._claims.add_image(claim, make_image(size_bytes=size_bytes))
        if ended_at is not None:
            await self._claims.finish(claim, Status.SUCCEEDED, version=9, now=ended_at)
        return record.id

    async def kept(self, *job_ids: str) -> list[bool]:
        """Of each job, whether it is there; its file is there if it is."""
        there = [await self._get(job_id) is not None for job_id in job_ids]
        assert there == [await self.has_file(job_id) for job_id in job_ids]
        return there

    async def spoil(self, job_id: str) -> None:
        """Let the deletion of its files fail."""
        await self.files.delete(job_id)
        (folder,) = self._images.glob("*")
        (folder / job_id).write_text("no folder")

    async def has_file(self, job_id: str) -> bool:
        try:
            await self.files.read(job_id, 0, "image/png")
        except FileNotFoundError:
            return False
        return True

    async def has_failed(self) -> bool:
        """Whether the disk made trouble by the time that the others have had a turn."""
        await asyncio.sleep(0)
        return not self.files.available

    async def count_keys(self) -> int:
        async with self._database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(idempotency_keys))).scalar_one())

    async def _get(self, job_id: str) -> JobRecord | None:
        with contextlib.suppress(NotFoundError):
            return await self._repository.get(job_id, None)
        return None


def make_old(images: Path, *, but: str) -> None:
    """The folders of all jobs but one."""
    for folder in images.glob("*/*"):
        if folder.name != but:
            os.utime(folder, (0, 0))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
async def keeper(
    database: Database, repository: JobRepository, claims: JobClaims, images: Path
) -> AsyncIterator[Keeper]:
    keeper = Keeper(database, repository, claims, images)
    yield keeper
    keeper.files.close()


async def test_a_job_is_deleted_with_its_files_when_its_time_is_over(keeper: Keeper) -> None:
    first, second, running = await keeper.make(ended_at=1.0), await keeper.make(ended_at=2.0), await keeper.make()
    keeper.clock.now_s = KEEP_S + 1.5

    await keeper.retention.sweep()

    assert await keeper.kept(first, second, running) == [False, True, True]


async def test_more_jobs_than_one_transaction_takes_are_deleted_in_one_sweep(
    keeper: Keeper, database: Database, repository: JobRepository
) -> None:
    ended = {"status": Status.SUCCEEDED, "completed_at": 0.0, "expires_at": 1.0}
    async with database.writing() as connection:
        await connection.execute(insert(jobs), [new_job_row(make_job(), 0.0) | ended for _ in range(205)])

    await keeper.retention.sweep()

    assert await repository.page("alice", limit=9) == []


async def test_a_sweep_ends_while_a_busy_server_makes_what_it_deletes(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper.make(size_bytes=101, ended_at=1.0, key="first")
    delete, later = keeper.files.delete, []

    async def delete_while_another_is_made(job_id: str) -> None:
        await delete(job_id)
        later.append(await keeper.make(size_bytes=101, ended_at=2.0))

    monkeypatch.setattr(keeper.files, "delete", delete_while_another_is_made)
    keeper.clock.now_s = 2.0

    async with asyncio.timeout(5):
        await keeper.retention.sweep()

    assert await keeper.kept(*later) == [True]
    assert await keeper.count_keys() == 0


async def test_where_images_take_too_much_room_the_jobs_that_ended_first_go(keeper: Keeper) -> None:
    ends = (3.0, 1.0, 2.0)
    third, first, second = [await keeper.make(size_bytes=50, ended_at=ended_at) for ended_at in ends]

    await keeper.retention.sweep()

    assert await keeper.kept(first, second, third) == [False, True, True]


async def test_a_running_job_keeps_its_images_however_much_room_they_take(keeper: Keeper) -> None:
    running, ended = await keeper.make(size_bytes=500), await keeper.make(size_bytes=1, ended_at=1.0)

    await keeper.retention.sweep()

    assert await keeper.kept(running, ended) == [True, False]


async def test_what_just_fits_stays(keeper: Keeper) -> None:
    jobs = [await keeper.make(size_bytes=50, ended_at=1.0) for _ in range(2)]

    await keeper.retention.sweep()

    assert await keeper.kept(*jobs) == [True, True]


async def test_a_key_is_forgotten_when_its_time_is_over_and_its_job_is_gone(keeper: Keeper) -> None:
    await keeper.make(ended_at=1.0, key="of a job that goes")
    await keeper.make(ended_at=KEEP_S, key="of a job that stays")
    keeper.clock.now_s = KEEP_S + 2.0

    await keeper.retention.sweep()

    assert await keeper.count_keys() == 1


async def test_a_key_within_its_time_outlives_its_job(keeper: Keeper, repository: JobRepository) -> None:
    key = IdempotencyKey("key", "", lifetime_s=DAY_S)
    job, _ = await repository.create(make_job(), now=0.0, idempotency=key)
    await repository.delete(job.id, "alice")

    await keeper.retention.sweep()

    with pytest.raises(GoneError):
        await repository.create(make_job(), now=keeper.clock(), idempotency=key)


async def test_files_that_no_record_knows_are_deleted_unless_they_are_young(
    keeper: Keeper, repository: JobRepository, images: Path
) -> None:
    known, young, old = [await keeper.make() for _ in range(3)]
    for job_id in (young, old):
        await repository.delete(job_id, "alice")
    foreign = images / "xx" / "job_of_somebody_else"
    foreign.mkdir(parents=True)
    make_old(images, but=young)

    await keeper.retention.delete_orphans()

    assert [await keeper.has_file(job_id) for job_id in (known, young, old)] == [True, True, False]
    assert foreign.exists(), "only what is ours is deleted"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_sweep_says_that_the_database_is_in_trouble(keeper: Keeper, url: URL) -> None:
    expired = await keeper.make(ended_at=0.0)
    keeper.clock.now_s = KEEP_S + 1.0
    assert url.database is not None
    with contextlib.closing(sqlite3.connect(url.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailableError):
            await keeper.retention.sweep()

    assert await keeper.kept(expired) == [True]


async def test_a_sweep_says_that_the_disk_is_in_trouble(keeper: Keeper) -> None:
    await keeper.spoil(await keeper.make(ended_at=0.0))
    keeper.clock.now_s = KEEP_S + 1.0

    with pytest.raises(StoreUnavailableError):
        await keeper.retention.sweep()

    assert not keeper.files.available


async def test_sweeps_go_on_after_one_that_failed(keeper: Keeper) -> None:
    await keeper.spoil(await keeper.make(ended_at=0.0))
    keeper.clock.now_s = KEEP_S + 1.0
    loop = asyncio.create_task(keeper.retention.run())
    while not await keeper.has_failed():
        assert not loop.done()

    expired = await keeper.make(ended_at=0.0)
    while await keeper.has_file(expired):
        assert not loop.done()

    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
