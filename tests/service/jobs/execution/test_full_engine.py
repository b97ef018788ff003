"""On an engine that other callers keep full, a durable job is claimed once, never given back, and runs to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import URL, Connection

from service.engine.interface import Engine
from service.errors import QueueFullError
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.executor import ExecutorConfig, JobExecutor
from service.jobs.execution.owner_lock import OwnerLock
from service.jobs.execution.runner import Runner, RunnerConfig
from service.jobs.records import Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.worker_harness import make_params
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY, make_job, make_uploads
from tests.service.engine.contract.engines import KINDS, make, started

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

ROOM = 4
IMAGES = 64
NEVER_S = 3600.0
ENDLESS = make_params("endless", steps=50_000)

T = TypeVar("T")


class CountingDatabase(Database):
    """Counts the transactions that write."""

    writes = 0

    async def write(self, work: Callable[[Connection], T], *, urgent: bool = False, synced: bool = True) -> T:
        self.writes += 1
        return await super().write(work, urgent=urgent, synced=synced)


@pytest.fixture
async def database(url: URL) -> AsyncIterator[CountingDatabase]:
    database = CountingDatabase(url)
    yield database
    await database.close()


@pytest.fixture(params=KINDS)
async def full_engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """An engine that other callers keep full for the whole test."""
    async with started(make(request.param, max_queued_images=ROOM)) as engine:
        engine.submit([ENDLESS] * ROOM)
        yield engine


async def test_a_job_of_many_images_is_claimed_once_and_written_once_an_image(
    full_engine: Engine, database: CountingDatabase, tmp_path: Path
) -> None:
    waiting = WaitingJobs()
    repository = JobRepository(database, REPOSITORY_POLICY, waiting)
    claims = JobClaims(database, CLAIM_POLICY, waiting)
    files, encoder, notifier = ImageFiles(ImageFolder(tmp_path / "images")), Encoder(2), JobNotifier()
    uploads, checkpoints = make_uploads(database, tmp_path / "uploads"), JobCheckpoints(tmp_path, every_steps=0)
    executor = JobExecutor(claims, files, uploads, checkpoints, full_engine, encoder, notifier, ExecutorConfig())
    config = RunnerConfig(owner="this", heartbeat_s=NEVER_S, poll_s=NEVER_S)
    lock = OwnerLock(tmp_path / "servers", "this")
    runner = Runner(claims, executor, files, full_engine, notifier, Metrics(), lock, config, clock=database.clock)
    job = make_job(images=IMAGES)
    await repository.create(job, now=time.time())
    runner.start()
    async with asyncio.timeout(TIMEOUT_S):
        with notifier.subscribe(job.id) as subscriber:
            while not (record := await repository.get(job.id, "alice")).ended:
                await subscriber.wait()
    with pytest.raises(QueueFullError):
        full_engine.submit([ENDLESS])
    await runner.stop()
    files.close()
    encoder.close()

    assert (record.status, record.attempt, len(record.images)) == (Status.SUCCEEDED, 1, IMAGES)
    others = ("create", "claim", "find no second job", "finish", "find no next job")
    assert database.writes <= IMAGES + len(others)
