"""The runner between the queue and an engine: what it shows of a job and when, and how it deals with refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from service.errors import QueueFullError
from service.images.encoding import Encoder
from service.images.storage import PictureFolder
from service.jobs.database import Database
from service.jobs.files import PictureFiles
from service.jobs.news import News
from service.jobs.queue import JobQueue
from service.jobs.records import Claim, JobFailure, JobProgress, JobRecord, Status, StoredPicture
from service.jobs.runner import Runner, RunnerConfig
from service.jobs.store import JobStore
from service.metrics import Metrics
from tests.api.fake_engine import FakeEngine
from tests.jobs.rig import QUEUE_POLICY, STEPS, make_job

NEVER_S = 3600.0
MANY = 50

MakeRunner: TypeAlias = Callable[..., Runner]
"""Takes the seconds between two heartbeats, which never come unless they are given."""


class WatchedQueue(JobQueue):
    """Says of every write what the runner showed of the job just before."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, QUEUE_POLICY)
        self.show: Callable[[str], int] = lambda job_id: 0
        self.written: list[tuple[int, int]] = []
        """Versions written, each with the one that was shown."""
        self.gave_back = asyncio.Event()

    async def add_picture(self, claim: Claim, picture: StoredPicture) -> None:
        await super().add_picture(claim, picture)
        self.written.append((picture.version, self.show(claim.job_id)))

    async def finish(
        self, claim: Claim, status: Status, *, version: int, now: float, failure: JobFailure | None = None
    ) -> None:
        await super().finish(claim, status, version=version, now=now, failure=failure)
        self.written.append((version, self.show(claim.job_id)))

    async def release(self, claim: Claim) -> None:
        await super().release(claim)
        self.gave_back.set()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def watched(database: Database) -> WatchedQueue:
    return WatchedQueue(database)


@pytest.fixture
async def make_runner(watched: WatchedQueue, engine: FakeEngine, tmp_path: Path) -> AsyncIterator[MakeRunner]:
    """Makes the test's only runner, which looks for jobs when it is woken, and not by itself."""
    files, encoder = PictureFiles(PictureFolder(tmp_path / "pictures")), Encoder(1)
    made = []

    def make(heartbeat_s: float = NEVER_S) -> Runner:
        config = RunnerConfig(owner="this", heartbeat_s=heartbeat_s, poll_s=NEVER_S)
        made.append(runner := Runner(watched, files, engine, encoder, News(8), Metrics(), config))
        return runner

    yield make
    for runner in made:
        await runner.stop()
    files.close()
    encoder.close()


@pytest.fixture
def runner(watched: WatchedQueue, make_runner: MakeRunner) -> Runner:
    runner = make_runner()

    def shown(job_id: str) -> int:
        live = runner.live(job_id)
        assert live is not None
        return live[1].version

    watched.show = shown
    return runner


async def ended(store: JobStore, job_id: str) -> JobRecord:
    async with asyncio.timeout(60):
        while True:
            record = await store.get(job_id, "alice")
            if record.ended:
                return record


async def test_pictures_and_the_end_are_shown_after_they_are_recorded_and_not_before(
    store: JobStore, watched: WatchedQueue, runner: Runner
) -> None:
    job = make_job(pictures=3)
    await store.create(job, now=time.time())
    runner.start()
    record = await ended(store, job.id)
    assert [shown for _, shown in watched.written] == [version - 1 for version, _ in watched.written]
    assert [picture.version for picture in record.pictures] == [version for version, _ in watched.written[:3]]
    assert record.version == watched.written[3][0]


async def test_an_engine_that_has_no_room_is_not_asked_again_until_there_may_be_some(
    store: JobStore, watched: WatchedQueue, runner: Runner, engine: FakeEngine
) -> None:
    engine.refusals = [QueueFullError("Too many pictures wait already.") for _ in range(MANY)]
    jobs = [make_job() for _ in range(2)]
    for job in jobs:
        await store.create(job, now=time.time())
    runner.start()
    await watched.gave_back.wait()
    for _ in range(MANY):  # As long as it would have taken to ask again and again.
        await store.get(jobs[0].id, "alice")
    assert len(engine.refusals) >= MANY - 3
    engine.refusals = []
    runner.wake()
    assert [(await ended(store, job.id)).status for job in jobs] == [Status.SUCCEEDED] * 2


async def test_a_heartbeat_records_that_a_job_has_begun_before_its_first_step_is_done(
    store: JobStore, engine: FakeEngine, make_runner: MakeRunner
) -> None:
    engine.held_before = (0, 1)
    job = make_job()
    await store.create(job, now=time.time())
    make_runner(heartbeat_s=0.01).start()
    async with asyncio.timeout(60):
        while (record := await store.get(job.id, "alice")).version == 1:
            pass
    assert record.progress == JobProgress(0, STEPS)
    engine.let_go()
    assert (await ended(store, job.id)).status is Status.SUCCEEDED
