"""A server whose disk is full to the last byte refuses jobs, deletes them when it is asked to, and deletes old ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import NotFoundError, StorageFullError, StoreUnavailableError
from service.images.encoding import Encoder
from service.images.free_space import RESERVE
from service.jobs.factory import JobsSettings, create_jobs
from service.jobs.records import Status
from service.jobs.service import JobService
from service.observability.metrics import Metrics
from tests.chaos.troubles.disks import NotPermittedError, full, small_disk
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import make_spec
from tests.service.jobs.test_factory import settings_for

pytestmark = pytest.mark.integration

FLOOR_BYTES = 2 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path, 16):
            yield tmp_path
    except NotPermittedError as error:
        # Mounting needs rights that an ordinary user does not have.
        pytest.skip(f"no small disk can be mounted: {error}")


@contextlib.asynccontextmanager
async def running(settings: JobsSettings) -> AsyncIterator[JobService]:
    engine, encoder = FakeEngine(), Encoder(1)
    jobs = create_jobs(settings, engine, encoder, Metrics())
    await jobs.start()
    try:
        yield jobs
    finally:
        await engine.stop()
        await jobs.stop()
        encoder.close()


async def made_job(jobs: JobService) -> str:
    view, _ = await jobs.submit(make_spec(), tenant="alice")
    ended = await jobs.wait(view.record.id, "alice", timeout_s=60)
    assert ended.record.status is Status.SUCCEEDED
    return view.record.id


async def refused(jobs: JobService) -> bool:
    try:
        await jobs.submit(make_spec(), tenant="alice")
    except StorageFullError:
        return True
    except StoreUnavailableError:
        pass  # The server has not looked at its disk since it is full.
    return False


async def is_stored(jobs: JobService, job_id: str) -> bool:
    try:
        await jobs.get(job_id, "alice")
    except NotFoundError:
        return False
    except StoreUnavailableError:
        pass  # The server has not opened its database yet.
    return True


async def is_deleted(jobs: JobService, job_id: str) -> bool:
    """Deletes the job, as a client does that is told to try again later while an outage is known."""
    try:
        await jobs.delete(job_id, "alice")
    except StoreUnavailableError:
        return False
    return True


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - a disk has no event for it
            await asyncio.sleep(0.05)


def image_files(disk: Path, job_id: str) -> list[Path]:
    return list(disk.glob(f"images/??/{job_id}/*"))


async def test_jobs_are_refused_and_can_be_deleted(disk: Path) -> None:
    async with running(replace(settings_for(disk), min_free_bytes=FLOOR_BYTES)) as jobs:
        kept, deleted = [await made_job(jobs) for _ in range(2)]
        with full(disk):
            await until(lambda: refused(jobs))
            await until(lambda: is_deleted(jobs, deleted))

            assert image_files(disk, deleted) == []
            assert not (disk / RESERVE).exists(), "the disk was full, and the reserve made the room"
            assert not await is_stored(jobs, deleted)
            assert (await jobs.get(kept, "alice")).record.status is Status.SUCCEEDED


async def test_a_server_that_starts_on_a_full_disk_deletes_what_has_expired(disk: Path) -> None:
    settings = replace(settings_for(disk), min_free_bytes=FLOOR_BYTES, keep_s=0.001)
    async with running(settings) as jobs:
        expired = await made_job(jobs)

    async def is_gone() -> bool:
        return not await is_stored(jobs, expired) and image_files(disk, expired) == []

    with full(disk):
        async with running(settings) as jobs:
            await until(is_gone)
