"""The job service accepts, runs, follows, stores and deletes jobs, and recovers when its store was unavailable."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from pipelines.interface import RgbImage
from service.engine.interface import ImageFinished, Phase
from service.engine.types import Priority, Timings
from service.errors import EngineUnavailableError, NotFoundError, StoreUnavailableError
from service.jobs.records import JobRecord, Status
from service.jobs.service import JobService
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.watching.event_diff import EventDiff, ImageStored, JobEnded
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import make_spec
from tests.harness.served.job_services import CONFIG, compose

LONG_S = 60.0


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def jobs(sqlite_url: URL, tmp_path: Path, engine: FakeEngine) -> AsyncIterator[JobService]:
    jobs = compose(sqlite_url, tmp_path / "images", engine, checkpoint_steps=1).jobs
    await jobs.start()
    yield jobs
    await engine.stop()
    await jobs.stop()


def checkpoints_in(folder: Path) -> Iterator[Path]:
    return folder.glob("checkpoints/??/*/*.checkpoint")


async def submitted(jobs: JobService) -> JobRecord:
    view, _ = await jobs.submit(make_spec(), tenant="alice")
    return view.record


@pytest.mark.parametrize(("priority", "factor"), [(Priority.INTERACTIVE, 3.0), (Priority.BATCH, 30.0)])
def test_each_priority_has_its_deadline_factor(priority: Priority, factor: float) -> None:
    assert CONFIG.deadline_factor(priority) == factor


async def test_a_submitted_job_is_run_and_followed_to_its_end(jobs: JobService) -> None:
    record = await submitted(jobs)

    events = [event async for _, event, _ in jobs.follow(record.id, "alice", EventDiff())]

    assert isinstance(events[-1], JobEnded)
    assert sum(isinstance(event, ImageStored) for event in events) == 1
    stored = await jobs.images.find(record.id, 0, "alice")
    assert stored.size_bytes == len(await jobs.images.read(record.id, stored))


async def test_a_wait_ends_with_its_timeout_or_the_job(jobs: JobService, engine: FakeEngine) -> None:
    engine.held_before = (0, 1)
    record = await submitted(jobs)

    before = await jobs.wait(record.id, "alice", timeout_s=0.01)
    engine.let_go()
    after = await jobs.wait(record.id, "alice", timeout_s=LONG_S)

    assert not before.record.ended
    assert after.record.status is Status.SUCCEEDED


async def test_a_used_idempotency_key_returns_its_job(jobs: JobService) -> None:
    key = IdempotencyKey("key", "a body", lifetime_s=60.0)

    first, _ = await jobs.submit(make_spec(), tenant="alice", idempotency=key)
    again, replayed = await jobs.submit(make_spec(), tenant="alice", idempotency=key)

    assert (again.record.id, replayed) == (first.record.id, True)


async def test_jobs_are_summed_up_newest_first_and_read_a_few_at_a_time(jobs: JobService, engine: FakeEngine) -> None:
    engine.phase = Phase.LOADING
    made = [(await submitted(jobs)).id for _ in range(45)]

    listed = [summary.id async for summary in jobs.summaries("alice", at_most=44, status=Status.QUEUED)]

    assert listed == made[:0:-1]
    assert [summary.id async for summary in jobs.summaries("alice", at_most=99)] == made[::-1]
    assert [summary async for summary in jobs.summaries("bob", at_most=9)] == []


async def test_a_canceled_job_frees_its_rows(jobs: JobService, engine: FakeEngine) -> None:
    engine.held_before = (0, 1)
    record = await submitted(jobs)
    async with asyncio.timeout(LONG_S):
        while not engine.jobs:  # noqa: ASYNC110 -- the fake engine has no event for it
            await asyncio.sleep(0.001)

    view = await jobs.cancel(record.id, "alice")

    assert view.record.status is Status.CANCELED
    assert engine.jobs[0].canceled


async def test_a_deleted_job_ends_the_events_of_its_followers(jobs: JobService, engine: FakeEngine) -> None:
    engine.held_before = (0, 1)
    record = await submitted(jobs)
    following = jobs.follow(record.id, "alice", EventDiff())
    await anext(following)

    await jobs.delete(record.id, "alice")

    with pytest.raises(NotFoundError):
        async for _ in following:
            pass


@pytest.mark.parametrize("end", [JobService.cancel, JobService.delete])
async def test_a_job_that_its_caller_ends_leaves_no_checkpoints(
    jobs: JobService, engine: FakeEngine, tmp_path: Path, end: Callable[[JobService, str, str], Awaitable[object]]
) -> None:
    engine.held_before = (0, 3)
    record = await submitted(jobs)
    async with asyncio.timeout(LONG_S):
        while not list(checkpoints_in(tmp_path)):  # noqa: ASYNC110 -- there is no event for it
            await asyncio.sleep(0.001)

    await end(jobs, record.id, "alice")

    assert list(checkpoints_in(tmp_path)) == []


async def test_finished_images_are_stored_as_a_job_that_expires(jobs: JobService) -> None:
    spec = make_spec()
    pixels = RgbImage(64, 64, bytes(3 * 64 * 64))
    image = ImageFinished(0, spec.images[0].params, pixels, Timings(0.0, 0.0, 0.0, 0.0, 1.0))

    record = await jobs.store_finished(spec, [(image, b"file")], tenant="alice", lifetime_s=60.0)

    assert record.status is Status.SUCCEEDED
    assert record.completed_at is not None
    assert record.expires_at == record.completed_at + 60.0
    assert await jobs.images.read(record.id, await jobs.images.find(record.id, 0, None)) == b"file"


@pytest.mark.parametrize("phase", [Phase.DRAINING, Phase.FAILED, Phase.STOPPED])
async def test_a_stopping_server_accepts_no_job(jobs: JobService, engine: FakeEngine, phase: Phase) -> None:
    engine.phase = phase

    with pytest.raises(EngineUnavailableError):
        await submitted(jobs)


@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_store_that_is_locked_at_the_start_is_opened_later(
    tmp_path: Path, sqlite_url: URL, engine: FakeEngine
) -> None:
    assert sqlite_url.database is not None
    jobs = compose(sqlite_url, tmp_path / "images", engine).jobs
    with contextlib.closing(sqlite3.connect(sqlite_url.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await jobs.start()
        with pytest.raises(StoreUnavailableError):
            await submitted(jobs)
        available_while_locked = jobs.available
        other.execute("ROLLBACK")
    async with asyncio.timeout(LONG_S):
        while not jobs.available:  # noqa: ASYNC110 -- the service retries on its own
            await asyncio.sleep(0.01)

    record = await submitted(jobs)

    assert not available_while_locked
    assert (await jobs.wait(record.id, "alice", timeout_s=LONG_S)).record.ended
    await engine.stop()
    await jobs.stop()
