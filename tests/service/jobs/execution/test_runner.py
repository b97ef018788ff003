"""The runner claims jobs, shows their live state no earlier than their record, and releases them only with a reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from service.errors import EngineUnavailableError
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.executor import ExecutorConfig, JobExecutor
from service.jobs.execution.owner_lock import OwnerLock
from service.jobs.execution.runner import Runner, RunnerConfig
from service.jobs.records import Claim, JobFailure, JobProgress, JobRecord, Status, StoredImage
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import CLAIM_POLICY, STEPS, make_job, make_uploads

NEVER_S = 3600.0
MANY = 50

MakeRunner: TypeAlias = Callable[..., Runner]
"""Takes the seconds between two heartbeats, and between two searches. Without them, neither ever happens."""


class WatchedClaims(JobClaims):
    """Notes at every write which version of the job the runner showed."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, CLAIM_POLICY, WaitingJobs())
        self.shown_version: Callable[[str], int] = lambda job_id: 0
        self.written: list[tuple[int, int]] = []
        """Each version written, with the version that the runner showed."""
        self.released = asyncio.Event()
        self.before_add: Callable[[Claim], Awaitable[object]] | None = None

    async def add_image(self, claim: Claim, image: StoredImage, *, last_at: float | None = None) -> None:
        if self.before_add is not None:
            await self.before_add(claim)
        await super().add_image(claim, image, last_at=last_at)
        self.written.append((image.version, self.shown_version(claim.job_id)))

    async def finish(
        self, claim: Claim, status: Status, *, version: int, now: float, failure: JobFailure | None = None
    ) -> None:
        await super().finish(claim, status, version=version, now=now, failure=failure)
        self.written.append((version, self.shown_version(claim.job_id)))

    async def release(self, claim: Claim) -> None:
        await super().release(claim)
        self.released.set()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def watched(database: Database) -> WatchedClaims:
    return WatchedClaims(database)


@pytest.fixture
async def make_runner(
    watched: WatchedClaims, database: Database, engine: FakeEngine, tmp_path: Path
) -> AsyncIterator[MakeRunner]:
    """Makes the test's only runner, which looks for jobs when it is woken, and not by itself."""
    files, encoder, notifier = ImageFiles(ImageFolder(tmp_path / "images")), Encoder(1), JobNotifier()
    uploads, checkpoints = make_uploads(database, tmp_path / "uploads"), JobCheckpoints(tmp_path, every_steps=0)
    executor = JobExecutor(watched, files, uploads, checkpoints, engine, encoder, notifier, ExecutorConfig())
    made = []

    def make(heartbeat_s: float = NEVER_S, poll_s: float = NEVER_S) -> Runner:
        config = RunnerConfig(owner="this", heartbeat_s=heartbeat_s, poll_s=poll_s)
        lock = OwnerLock(tmp_path / "servers", config.owner)
        runner = Runner(watched, executor, files, engine, notifier, Metrics(), lock, config, clock=database.clock)
        made.append(runner)
        return runner

    yield make
    for runner in made:
        await runner.stop()
    files.close()
    encoder.close()


@pytest.fixture
def runner(watched: WatchedClaims, make_runner: MakeRunner) -> Runner:
    runner = make_runner()

    def shown_version(job_id: str) -> int:
        live = runner.live(job_id)
        assert live is not None
        return live[1].version

    watched.shown_version = shown_version
    return runner


async def ended(repository: JobRepository, job_id: str) -> JobRecord:
    async with asyncio.timeout(60):
        while True:
            record = await repository.get(job_id, "alice")
            if record.ended:
                return record
            await asyncio.sleep(0.001)


async def until_begun(repository: JobRepository, job_id: str) -> JobRecord:
    """Waits until a heartbeat has recorded that the job has begun."""
    async with asyncio.timeout(60):
        while (record := await repository.get(job_id, "alice")).version == 1:  # noqa: ASYNC110 -- a record has no event
            await asyncio.sleep(0.001)
    return record


@pytest.mark.integration
async def test_images_and_the_end_are_shown_only_after_they_are_recorded(
    repository: JobRepository, watched: WatchedClaims, runner: Runner
) -> None:
    job = make_job(images=3)
    await repository.create(job, now=time.time())
    runner.start()
    record = await ended(repository, job.id)
    await runner.stop()
    assert [shown for _, shown in watched.written] == [version - 1 for version, _ in watched.written]
    assert [image.version for image in record.images] == [version for version, _ in watched.written]
    assert record.version == watched.written[-1][0] + 1, "the end is recorded together with the last image"


async def test_an_engine_that_takes_no_jobs_is_not_asked_again_at_once(
    repository: JobRepository, watched: WatchedClaims, runner: Runner, engine: FakeEngine
) -> None:
    engine.refusals = [EngineUnavailableError("The worker is gone.") for _ in range(MANY)]
    jobs = [make_job() for _ in range(2)]
    for job in jobs:
        await repository.create(job, now=time.time())
    runner.start()
    await watched.released.wait()
    for _ in range(MANY):  # Long enough for repeated submissions to show.
        await asyncio.sleep(0.001)
    assert len(engine.refusals) >= MANY - 2 * len(jobs)
    engine.refusals = []
    runner.wake()
    assert [(await ended(repository, job.id)).status for job in jobs] == [Status.SUCCEEDED] * 2


async def test_a_heartbeat_records_that_a_job_has_begun_before_its_first_step_is_done(
    repository: JobRepository, engine: FakeEngine, make_runner: MakeRunner
) -> None:
    engine.held_before = (0, 1)
    job = make_job()
    await repository.create(job, now=time.time())
    make_runner(heartbeat_s=0.01).start()
    record = await until_begun(repository, job.id)
    assert record.progress == JobProgress(0, STEPS)
    engine.let_go()
    assert (await ended(repository, job.id)).status is Status.SUCCEEDED


async def test_a_job_that_is_deleted_while_its_image_is_stored_leaves_no_file(
    repository: JobRepository, watched: WatchedClaims, runner: Runner, tmp_path: Path
) -> None:
    deleted = asyncio.Event()

    async def delete(claim: Claim) -> None:
        await repository.delete(claim.job_id, "alice")
        deleted.set()

    watched.before_add = delete
    await repository.create(make_job(), now=time.time())
    runner.start()
    await deleted.wait()
    await runner.stop()

    assert list(ImageFolder(tmp_path / "images").jobs_older_than(-1.0)) == []


async def test_an_unfinished_job_returns_to_the_queue_when_the_engine_stops(
    repository: JobRepository, runner: Runner, engine: FakeEngine
) -> None:
    engine.failure = EngineUnavailableError("The server is shutting down.")
    engine.held_before = (0, 1)
    job = make_job()
    await repository.create(job, now=time.time())
    runner.start()
    while not engine.jobs:  # noqa: ASYNC110 -- the fake engine has no event for it
        await asyncio.sleep(0.001)
    engine.let_go()
    await runner.stop()

    assert (await repository.get(job.id, "alice")).status is Status.QUEUED
    assert runner.live(job.id) is None


async def test_a_draining_engine_keeps_the_jobs_that_it_has_begun_and_the_others_return_to_the_queue(
    repository: JobRepository, watched: WatchedClaims, make_runner: MakeRunner, engine: FakeEngine
) -> None:
    engine.held_before = (0, 1)
    begun, unbegun, late = make_job(), make_job(), make_job()
    await repository.create(begun, now=time.time())
    runner = make_runner(heartbeat_s=0.01, poll_s=0.01)
    runner.start()
    await until_begun(repository, begun.id)
    engine.holds_starts = True
    await repository.create(unbegun, now=time.time())
    runner.wake()
    while len(engine.jobs) < 2:  # noqa: ASYNC110 -- the fake engine has no event for it
        await asyncio.sleep(0.001)

    draining = asyncio.create_task(engine.stop(drain_s=60.0))
    await watched.released.wait()
    await repository.create(late, now=time.time())
    runner.wake()

    records = [await repository.get(job.id, "alice") for job in (begun, unbegun, late)]
    assert [record.status for record in records] == [Status.RUNNING, Status.QUEUED, Status.QUEUED]
    engine.let_go()
    await draining
    await runner.stop()
    assert (await repository.get(begun.id, "alice")).status is Status.SUCCEEDED
    assert [job.canceled for job in engine.jobs] == [False, True], "no job was claimed after the drain had begun"


async def test_the_jobs_of_a_server_that_has_died_on_this_machine_do_not_wait_for_its_lease(
    repository: JobRepository, watched: WatchedClaims, runner: Runner, tmp_path: Path
) -> None:
    job = make_job()
    await repository.create(job, now=time.time())
    dead = OwnerLock(tmp_path / "servers", "dead")
    dead.hold()
    await watched.claim("dead", now=time.time() + NEVER_S, limit=1)
    dead.release(keeps_file=True)
    from_before = OwnerLock(tmp_path / "servers", "dead", kernel="former")
    from_before.hold()
    from_before.release(keeps_file=True)

    runner.start()

    assert (await ended(repository, job.id)).status is Status.SUCCEEDED
    assert list((tmp_path / "servers").glob("former*")) == []


async def test_a_server_that_cannot_record_its_last_jobs_leaves_word_that_it_has_ended(
    repository: JobRepository, watched: WatchedClaims, runner: Runner, engine: FakeEngine, tmp_path: Path
) -> None:
    recording = asyncio.Event()

    async def never(claim: Claim) -> None:
        recording.set()
        await asyncio.Event().wait()

    watched.before_add = never
    await repository.create(make_job(), now=time.time())
    runner.start()
    await recording.wait()
    await engine.stop()
    await runner.stop()

    assert OwnerLock(tmp_path / "servers", "other").dead_owners() == ["this"]
